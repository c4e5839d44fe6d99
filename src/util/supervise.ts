import type { Faults, Part } from '../model/faults.ts';
import { childController } from './abort.ts';
import { backoffMs, type BackoffPolicy } from './backoff.ts';
import type { Clock } from './clock.ts';

const restart: BackoffPolicy = { baseMs: 1_000, maxMs: 60_000, factor: 2, jitter: 0.2 };
/** A part that ran for so long has recovered: its next failure counts as the first. */
const WELL_MS = 300_000;

/**
 * Runs a part of the process until the signal aborts. A failure costs no more than the part: it is reported,
 * the part's own signal cancels all its work, and the part starts again after 1 s, 2 s … 1 min. Resolves when
 * the part ends by itself; rejects only with the signal's reason.
 */
export async function supervise(
  part: Part,
  run: (signal: AbortSignal) => Promise<unknown>,
  { faults, clock, signal }: { faults: Faults; clock: Clock; signal: AbortSignal },
): Promise<void> {
  for (let failures = 1; ; failures += 1) {
    const life = childController(signal);
    const started = clock.monotonic();
    try {
      await run(life.signal);
      return;
    } catch (error) {
      signal.throwIfAborted();
      if (clock.monotonic() - started >= WELL_MS) failures = 1;
      faults.report(part, error);
      await clock.sleep(backoffMs(restart, failures), { signal });
    } finally {
      life.abort(new Error(`${part} has ended`));
    }
  }
}
