/** Port-forward's SPDY inside the messages of a WebSocket (pkg/kubelet/server TunnelingHandler, KEP-4006). */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { createWebSocketStream } from 'ws';
import type { Log } from '../../model/log.ts';
import type { Clock } from '../../util/clock.ts';
import type { Stream } from '../http/stream-request.ts';
import { endWhenIdle } from '../http/end-when-idle.ts';
import { dialUntil, switchToSpdy } from '../http/switch-protocols.ts';
import { joinStreams } from '../../util/join-streams.ts';
import { acceptWebSocket, checkHandshake } from '../http/web-socket.ts';
import { SPDY_PROTOCOL, untilGone } from './serve-port-forward.ts';
import { SpdyForwarding } from './spdy-forwarding.ts';

export const TUNNEL_PROTOCOL = `SPDY/3.1+${SPDY_PROTOCOL}`;

interface TunnelContext {
  readonly stream: Stream;
  readonly signal: AbortSignal;
  readonly idleMs: number;
  readonly clock: Pick<Clock, 'after'>;
  readonly log: Pick<Log, 'warn'>;
}

/**
 * Serves until the client has gone. Rejects with HttpFault or UpgradeRefused while nothing has been sent: the
 * client is told of the tunnel once its other end is there.
 */
export async function serveTunnel(
  request: IncomingMessage,
  { client, head }: { client: Duplex; head: Buffer },
  { stream, signal, idleMs, clock, log }: TunnelContext,
): Promise<void> {
  checkHandshake(request);
  const accept = (): Duplex => {
    const socket = acceptWebSocket(request, { client, head }, { protocol: TUNNEL_PROTOCOL });
    const tunnel = createWebSocketStream(socket);
    tunnel.on('error', () => tunnel.destroy());
    endWhenIdle(client, { idleMs, clock });
    return tunnel;
  };
  if (stream.by === 'farlet') {
    const tunnel = accept();
    const { target } = stream;
    const forwarding = new SpdyForwarding({ client: tunnel, target, clock });
    await untilGone(forwarding.run(Buffer.alloc(0)), { client: tunnel, target, log });
    return;
  }
  const connection = await dialUntil(stream.dial, signal);
  const { upstream, early } = await switchToSpdy(
    connection,
    { url: stream.url, protocol: SPDY_PROTOCOL },
    clock,
  );
  const tunnel = accept();
  if (early.length > 0) tunnel.write(early);
  joinStreams(tunnel, upstream);
}
