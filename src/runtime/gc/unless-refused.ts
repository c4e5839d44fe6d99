import { kindOf, messageOf } from '../../model/errors.ts';
import type { Clock } from '../../util/clock.ts';

/** ms between tries: a process that was just killed is let go of within moments */
const PAUSES_MS = [250, 1_000, 3_000];

/**
 * Removes something that does not run any more. Resolves with what the runtime says if it refuses for good
 * (FailedPrecondition, Aborted), undefined once removed. Rejects with every other failure, or the signal's
 * reason.
 *
 * A containerd whose caller went away in the middle of StartContainer may keep a task that no CRI call ends:
 * 1.6 then answers 'cannot delete running task' until it is restarted, though its process is long gone
 * (containerd issue 11037).
 */
export async function unlessRefused(
  remove: () => Promise<void>,
  { clock, signal }: { clock: Pick<Clock, 'sleep'>; signal: AbortSignal },
): Promise<string | undefined> {
  for (const pause of [...PAUSES_MS, undefined]) {
    try {
      await remove();
      return undefined;
    } catch (error) {
      signal.throwIfAborted();
      if (kindOf(error) !== 'conflict') throw error;
      if (pause === undefined) return messageOf(error);
      await clock.sleep(pause, { signal });
    }
  }
  return undefined;
}
