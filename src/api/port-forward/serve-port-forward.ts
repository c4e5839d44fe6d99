/**
 * Port-forward that farlet serves itself, for pods whose loopback their host's network does not show (ADR
 * 14).
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Log } from '../../model/log.ts';
import type { Clock } from '../../util/clock.ts';
import { endWhenIdle } from '../http/end-when-idle.ts';
import { HttpFault } from '../http/http-fault.ts';
import { queryOf } from '../http/request-target.ts';
import { forwardedPorts } from '../http/stream-options.ts';
import type { ForwardTarget } from '../http/stream-request.ts';
import { acceptWebSocket, checkHandshake, isWebSocket, offeredProtocols } from '../http/web-socket.ts';
import { SpdyForwarding } from './spdy-forwarding.ts';
import { MAX_MESSAGE_BYTES, WebSocketForwarding } from './websocket-forwarding.ts';

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
 * Resolves when the client has gone, or what it sends can't be understood, which is logged. Rejects with
 * HttpFault for a handshake that is none, before anything is sent.
 */
export async function servePortForward(
  request: IncomingMessage,
  { client, head }: { client: Duplex; head: Buffer },
  context: ForwardContext,
): Promise<void> {
  const { target, clock } = context;
  if (isWebSocket(request)) {
    checkHandshake(request);
    const protocol = channelProtocol(request);
    const ports = forwardedPorts(queryOf(request.url ?? ''));
    const acceptance = { protocol, maxMessageBytes: MAX_MESSAGE_BYTES };
    const socket = acceptWebSocket(request, { client, head }, acceptance);
    endWhenIdle(client, context);
    const forwarding = new WebSocketForwarding({ socket, target, ports, isText: protocol === BASE64 });
    await untilGone(forwarding.run(), { ...context, client: forwarding.client });
  } else {
    const lines = spdyHandshake(request);
    client.write(['HTTP/1.1 101 Switching Protocols', ...lines, '', ''].join('\r\n'));
    endWhenIdle(client, context);
    await untilGone(new SpdyForwarding({ client, target, clock }).run(head), { ...context, client });
  }
}

/**
 * Resolves when the forwarding has ended, and its client with it; what broke it is logged, but for the
 * client's going.
 */
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

/** What the answer to a good handshake says. */
function spdyHandshake({ headers }: IncomingMessage): string[] {
  if (headers.upgrade?.toLowerCase() !== 'spdy/3.1')
    throw new HttpFault(400, `unable to upgrade: port-forward speaks SPDY/3.1 and websocket`);
  const offered = list(headers['x-stream-protocol-version']);
  if (offered.length > 0 && !offered.includes(SPDY_PROTOCOL))
    throw new HttpFault(
      403,
      `unable to upgrade: unable to negotiate protocol: client supports [${offered.join(' ')}], server accepts [${SPDY_PROTOCOL}]`,
    );
  const named = offered.length === 0 ? [] : [`X-Stream-Protocol-Version: ${SPDY_PROTOCOL}`];
  return ['Connection: Upgrade', 'Upgrade: SPDY/3.1', ...named];
}

/** The one to speak; empty for a client that offers none, which gets the binary form. */
function channelProtocol(request: IncomingMessage): string {
  const offered = offeredProtocols(request);
  const protocol = offered.length === 0 ? '' : offered.find((each) => each === BINARY || each === BASE64);
  if (protocol === undefined)
    throw new HttpFault(
      403,
      `unable to upgrade websocket connection: client supports [${offered.join(' ')}], server accepts [${BINARY} ${BASE64}]`,
    );
  return protocol;
}

function list(header: string | string[] | undefined): string[] {
  return [header ?? []]
    .flat()
    .flatMap((each) => each.split(','))
    .map((each) => each.trim())
    .filter((each) => each !== '');
}
