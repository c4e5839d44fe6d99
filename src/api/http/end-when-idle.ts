import type { Duplex } from 'node:stream';
import type { Clock } from '../../util/clock.ts';

/** In how many steps the time is looked at: a connection may be idle for this part longer. */
const STEPS = 4;

/**
 * Ends a connection on which no byte has gone in either direction for `idleMs` (the kubelet's
 * streamingConnectionIdleTimeout), and with it one whose other end has stopped reading. 0: never. Returns the
 * way to stop looking.
 */
export function endWhenIdle(
  client: Duplex,
  { idleMs, clock }: { idleMs: number; clock: Pick<Clock, 'after'> },
): () => void {
  let seen = moved(client);
  let still = 0;
  let cancel: () => void = () => undefined;
  const look = (): void => {
    const now = moved(client);
    still = now === seen ? still + 1 : 0;
    seen = now;
    if (still >= STEPS) client.destroy();
    else cancel = clock.after(idleMs / STEPS, look);
  };
  if (idleMs > 0) cancel = clock.after(idleMs / STEPS, look);
  const stop = (): void => {
    cancel();
  };
  client.once('close', stop);
  return stop;
}

/**
 * Bytes that have left for the other end or come from there; NaN, which equals nothing, where that isn't
 * known.
 */
function moved(client: Duplex): number {
  if (!('bytesRead' in client) || !('bytesWritten' in client)) return NaN;
  // what waits to be written has not moved
  return Number(client.bytesRead) + Number(client.bytesWritten) - client.writableLength;
}
