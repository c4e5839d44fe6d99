/** Whether the events are those of the recording. Pure. */
import { isDeepStrictEqual } from 'node:util';
import { readableDiff } from './diff.ts';

/** The same lines; those about one container, and those about the pod itself, in the same order. */
export function eventDeviations(recorded: readonly string[], found: readonly string[]): string[] {
  const [wanted, seen] = [recorded.toSorted(), found.toSorted()];
  if (!isDeepStrictEqual(wanted, seen)) return [`other events than recorded:\n${readableDiff(wanted, seen)}`];
  return [...new Set(recorded.map(subject))].flatMap((each) => {
    const about = (lines: readonly string[]): string[] => lines.filter((line) => subject(line) === each);
    return isDeepStrictEqual(about(recorded), about(found))
      ? []
      : [`events in another order:\n${readableDiff(about(recorded), about(found))}`];
  });
}

function subject(line: string): string {
  return /^\w+ \w+ (spec\.[^ ]+):/.exec(line)?.[1] ?? '';
}
