/**
 * Ends a stream to a host when the way there is cut without a word. The kernel alone would keep it for a
 * quarter of an hour: keepalive holds back while something sent is not acknowledged, and the API server sends
 * a ping every five seconds. So an idle connection stands beside the stream, on which keepalive finds a cut
 * within 20 s. A runtime that hangs ends nothing: its kernel answers.
 */
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { HostError } from '../../model/errors.ts';
import type { Clock } from '../../util/clock.ts';
import type { DialTarget } from '../link/dial-target.ts';
import { errorCode } from '../link/net-errors.ts';

/** Ten probes a second apart follow. */
const KEEPALIVE_MS = 10_000;
/** between an idle connection that the host ended and the next */
const AGAIN_MS = 5_000;
/** how a connection ends to which nothing comes back */
const silent = ['ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH'];

export interface SilentCutOptions {
  readonly host: string;
  /** where the stream leads */
  readonly target: DialTarget;
  readonly clock: Pick<Clock, 'after'>;
  /** opens the connection beside it; it emits `connect` */
  readonly open?: (target: DialTarget) => Duplex;
}

/** Watches until the stream is closed. It is destroyed with a HostError of kind `unavailable`. */
export function endWhenCut(stream: Duplex, { host, target, clock, open = openIdle }: SilentCutOptions): void {
  if (stream.destroyed) return;
  let beside: Duplex | undefined;
  let cancel = (): void => undefined;
  const stand = (): void => {
    const idle = open(target);
    beside = idle;
    let isConnected = false;
    idle.once('connect', () => {
      isConnected = true;
    });
    idle.on('error', (cause) => {
      // one that could not be made says nothing of a stream that could
      if (!isConnected || !silent.includes(errorCode(cause) ?? '')) return;
      stream.destroy(
        new HostError('unavailable', host, `${host}: the host does not answer any more`, { cause }),
      );
    });
    idle.once('close', () => {
      if (!stream.destroyed) cancel = clock.after(AGAIN_MS, stand);
    });
    idle.resume();
  };
  stream.once('close', () => {
    cancel();
    beside?.destroy();
  });
  stand();
}

function openIdle({ host, port }: DialTarget): Duplex {
  return connect({ host, port, keepAlive: true, keepAliveInitialDelay: KEEPALIVE_MS });
}
