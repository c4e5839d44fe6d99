import { FarletError } from '../../model/errors.ts';

/**
 * Several failures as one, in the form of apimachinery's aggregate: each text once, in brackets if there are
 * more. Throws only if there are any.
 */
export function throwAggregate(texts: readonly string[]): void {
  const different = [...new Set(texts)];
  const [only] = different;
  if (only === undefined) return;
  throw new FarletError('unavailable', different.length === 1 ? only : `[${different.join(', ')}]`);
}
