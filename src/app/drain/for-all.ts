import { FarletError, kindOf, messageOf } from '../../model/errors.ts';

/**
 * Works on all of them side by side, to the end of each.
 * @throws what went wrong with one of them; if with several, one error of the first one's kind with a line
 * for each
 */
export async function forAll<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const results = await Promise.allSettled(all.map(work));
  const failures = results.flatMap((result) =>
    result.status === 'rejected' ? [result.reason as Error] : [],
  );
  const [first, second] = failures;
  if (first === undefined) return;
  if (second === undefined) throw first;
  throw new FarletError(kindOf(first), [...new Set(failures.map(messageOf))].join('\n'), { cause: first });
}
