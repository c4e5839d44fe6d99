/** Port-forward that farlet serves itself, for pods whose loopback their host's network does not show (ADR 14). */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Log } from '../../model/log.ts';
import type { Clock } from '../../util/clock.ts';
import { webSocketAccept } from '../../util/websocket-frames.ts';
import { endWhenIdle } from '../http/end-when-idle.ts';
import { HttpFault } from '../http/http-fault.ts';
import { queryOf } from '../http/request-target.ts';
import { forwardedPorts } from '../http/stream-options.ts';
import type { ForwardTarget } from '../http/stream-request.ts';
import { isWebSocket } from '../http/web-socket.ts';
import { SpdyForwarding } from './spdy-forwarding.ts';
import { WebSocketForwarding } from './websocket-forwarding.ts';

export const SPDY_PROTOCOL = 'portforward.k8s.io';
const BINARY = 'v4.channel.k8s.io';
const BASE64 = 'v4.base64.channel.k8s.io';

interface ForwardContext {
  readonly target: ForwardTarget;
  readonly clock: Pick<Clock, 'after'>;
  /** no byte in either direction for so long ends a connection; 0: never */
  readonly idleMs: number;
  readonly log: Pick<Log, 'warn'>;
}

/**
 * Resolves when the client has gone, or what it sends can't be understood, which is logged. Rejects with HttpFault for a
 * handshake that is none, before anything is sent.
 */
export async function servePortForward(
  request: IncomingMessage,
  { client, head }: { client: Duplex; head: Buffer },
  { target, clock, idleMs, log }: ForwardContext,
): Promise<void> {
  const overWebSocket = isWebSocket(request);
  const agreed = overWebSocket ? webSocketHandshake(request) : spdyHandshake(request);
  const ports = overWebSocket ? forwardedPorts(queryOf(request.url ?? '')) : [];
  client.write(['HTTP/1.1 101 Switching Protocols', ...agreed.lines, '', ''].join('\r\n'));
  endWhenIdle(client, { idleMs, clock });
  const forwarding = overWebSocket
    ? new WebSocketForwarding({ client, target, ports, isText: agreed.protocol === BASE64 })
    : new SpdyForwarding({ client, target, clock });
  await untilGone(forwarding.run(head), { client, target, log });
}

/** Resolves when the forwarding has ended, and its client with it; what broke it is logged, but for the client's going. */
export async function untilGone(
  forwarding: Promise<void>,
  { client, target, log }: { client: Duplex } & Pick<ForwardContext, 'target' | 'log'>,
): Promise<void> {
  try {
    await forwarding;
  } catch (error) {
    if (!client.destroyed || !isCutOff(error))
      log.warn({ err: error, pod: target.pod }, 'port-forward ended');
  } finally {
    client.destroy();
  }
}

/** The client's connection broke, as connections do. */
function isCutOff(error: unknown): boolean {
  const codes = ['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE'];
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}

interface Agreed {
  readonly protocol: string;
  readonly lines: readonly string[];
}

function spdyHandshake({ headers }: IncomingMessage): Agreed {
  if (headers.upgrade?.toLowerCase() !== 'spdy/3.1')
    throw new HttpFault(400, `unable to upgrade: port-forward speaks SPDY/3.1 and websocket`);
  const offered = list(headers['x-stream-protocol-version']);
  if (offered.length > 0 && !offered.includes(SPDY_PROTOCOL))
    throw new HttpFault(
      403,
      `unable to upgrade: unable to negotiate protocol: client supports [${offered.join(' ')}], server accepts [${SPDY_PROTOCOL}]`,
    );
  const named = offered.length === 0 ? [] : [`X-Stream-Protocol-Version: ${SPDY_PROTOCOL}`];
  return { protocol: SPDY_PROTOCOL, lines: ['Connection: Upgrade', 'Upgrade: SPDY/3.1', ...named] };
}

function webSocketHandshake({ headers }: IncomingMessage): Agreed {
  const key = headers['sec-websocket-key'];
  if (key === undefined || headers['sec-websocket-version'] !== '13')
    throw new HttpFault(400, 'unable to upgrade websocket connection: not a handshake of version 13');
  const offered = list(headers['sec-websocket-protocol']);
  const protocol = offered.length === 0 ? '' : offered.find((each) => each === BINARY || each === BASE64);
  if (protocol === undefined)
    throw new HttpFault(
      403,
      `unable to upgrade websocket connection: client supports [${offered.join(' ')}], server accepts [${BINARY} ${BASE64}]`,
    );
  return {
    protocol,
    lines: [
      'Connection: Upgrade',
      'Upgrade: websocket',
      `Sec-WebSocket-Accept: ${webSocketAccept(key)}`,
      ...(protocol === '' ? [] : [`Sec-WebSocket-Protocol: ${protocol}`]),
    ],
  };
}

function list(header: string | string[] | undefined): string[] {
  return [header ?? []]
    .flat()
    .flatMap((each) => each.split(','))
    .map((each) => each.trim())
    .filter((each) => each !== '');
}
