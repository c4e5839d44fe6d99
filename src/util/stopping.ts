/** How the process ends: all parts side by side, and never later than the limit, whatever they wait for. */
import type { Log } from '../model/log.ts';
import { messageOf } from '../model/errors.ts';
import type { Clock } from './clock.ts';

export interface Stoppable {
  /** names the part where it did not stop in time */
  readonly name: string;
  readonly stop: (options: { signal: AbortSignal }) => unknown;
}

/**
 * Stops all of them at once. Resolves when each has stopped or failed, at the latest after `ms`, by when
 * their signal is aborted; what failed or is still busy is logged. Never rejects.
 */
export async function stopAll(
  parts: readonly Stoppable[],
  { ms, clock, log }: { ms: number; clock: Pick<Clock, 'after'>; log: Log },
): Promise<void> {
  const limit = new AbortController();
  const busy = new Set(parts.map(({ name }) => name));
  const stopped = parts.map(async ({ name, stop }) => {
    try {
      await stop({ signal: limit.signal });
    } catch (error) {
      if (!limit.signal.aborted) log.warn({ err: error, part: name }, 'a part did not stop as it should');
    } finally {
      busy.delete(name);
    }
  });
  const { promise: over, resolve: endWait } = Promise.withResolvers<undefined>();
  const cancel = clock.after(ms, () => {
    limit.abort(new Error(`not stopped within ${String(ms / 1000)}s`));
    endWait(undefined);
  });
  await Promise.race([Promise.all(stopped), over]);
  cancel();
  if (busy.size > 0) log.warn({ parts: [...busy] }, 'stopping without these parts: they did not end in time');
}

/** Waits for what may take too long; resolves true if it came in time. Its failure is an end, too. */
export async function waitAtMost(
  work: Promise<unknown>,
  { ms, clock }: { ms: number; clock: Pick<Clock, 'after'> },
): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<boolean>();
  const cancel = clock.after(ms, () => {
    resolve(false);
  });
  const done = work.then(
    () => true,
    () => true,
  );
  const inTime = await Promise.race([done, late]);
  cancel();
  return inTime;
}

/** What the log says first when the process ends: on a signal, or for an error of its own. */
export function stopReason(signal: AbortSignal, error: unknown): string {
  return signal.aborted
    ? `stopping on ${messageOf(signal.reason)}: pods keep running; a second signal ends this at once`
    : `stopping: ${messageOf(error)}`;
}
