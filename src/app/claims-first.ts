import { orAbort } from '../util/abort.ts';
import type { Clock } from '../util/clock.ts';

/** For so long nodes that are this farlet's wait for others that may not be. */
const WAIT_MS = 5_000;

/**
 * Many nodes that start take what the process has of CPU and connections, and those whose lease has not been
 * renewed since farlet ended would wait behind them. Each node calls this once it is claimed; it resolves
 * when all of them are, or some seconds after the first.
 */
export function claimsFirst(
  nodes: number,
  { clock }: { clock: Pick<Clock, 'after'> },
): (options: { signal: AbortSignal }) => Promise<void> {
  const open = Promise.withResolvers<undefined>();
  let missing = nodes;
  let cancel: (() => void) | undefined;
  return async ({ signal }) => {
    missing -= 1;
    cancel ??= clock.after(WAIT_MS, () => {
      open.resolve(undefined);
    });
    if (missing <= 0) {
      cancel();
      open.resolve(undefined);
    }
    await orAbort(open.promise, signal);
  };
}
