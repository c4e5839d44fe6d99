/** Hands an upgraded connection over to the runtime's streaming server, byte by byte (ADR 2). */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../util/clock.ts';
import { joinStreams } from '../../util/join-streams.ts';
import { subprotocols } from './subprotocols.ts';
import { endWhenIdle } from './end-when-idle.ts';
import { headerLines } from './refuse-upgrade.ts';
import { switchProtocols } from './switch-protocols.ts';

/** What a streaming server needs to know. Whatever else a request carries is for the kubelet API alone. */
const passedOn = new Set([
  'connection',
  'upgrade',
  'x-stream-protocol-version',
  'sec-websocket-key',
  'sec-websocket-version',
  'sec-websocket-protocol',
  'sec-websocket-extensions',
  // golang.org/x/net/websocket wants one
  'origin',
]);

export interface Upstream {
  readonly socket: Duplex;
  readonly url: URL;
  readonly idleMs: number;
  readonly clock: Pick<Clock, 'after'>;
}

/**
 * Replays the request on the upstream connection, without its credentials. Only when the runtime agrees to
 * switch do bytes flow both ways, until either side is done; its refusal is passed on (UpgradeRefused) and
 * ends the connection, so that no second request can follow on it.
 */
export async function proxyUpgrade(
  request: IncomingMessage,
  { client, head }: { client: Duplex; head: Buffer },
  { socket, url, idleMs, clock }: Upstream,
): Promise<void> {
  const { answer, upstream, early } = await switchProtocols(
    socket,
    { method: request.method ?? 'POST', url, headers: streamHeaders(request.rawHeaders) },
    clock,
  );
  client.write(responseHead(answer));
  if (early.length > 0) client.write(early);
  if (head.length > 0) upstream.write(head);
  joinStreams(client, upstream);
  endWhenIdle(client, { idleMs, clock });
}

/** Of a request, names and values in turn; the token that a subprotocol may carry is not among them. */
export function streamHeaders(rawHeaders: readonly string[]): string[] {
  return rawHeaders.flatMap((name, at) => {
    if (at % 2 !== 0 || !passedOn.has(name.toLowerCase())) return [];
    const value = rawHeaders[at + 1] ?? '';
    if (name.toLowerCase() !== 'sec-websocket-protocol') return [name, value];
    const { carriers, others } = subprotocols(value);
    if (carriers.length === 0) return [name, value];
    return others.length === 0 ? [] : [name, others.join(',')];
  });
}

function responseHead({ statusMessage, rawHeaders }: IncomingMessage): Buffer {
  const first = `HTTP/1.1 101 ${statusMessage ?? 'Switching Protocols'}`;
  return Buffer.from([first, ...headerLines(rawHeaders), '', ''].join('\r\n'), 'latin1');
}
