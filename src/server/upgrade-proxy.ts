/** Hands an upgraded connection over to the runtime's streaming server, byte by byte (ADR 2). */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from '../util/clock.ts';
import { subprotocols } from './credentials.ts';
import { endWhenIdle } from './end-when-idle.ts';
import { headerLines, refuseUpgrade, type UpgradeRefusal } from './refuse-upgrade.ts';

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
/** Of a refusal: these are about the connection that it came on. */
const hopHeaders = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
const MAX_REFUSAL = 64 * 1024;
const HANDSHAKE_MS = 30_000;
const REFUSAL_MS = 10_000;

export interface Upstream {
  readonly socket: Duplex;
  readonly url: URL;
  readonly idleMs: number;
  readonly clock: Pick<Clock, 'after'>;
}

/**
 * Replays the request on the upstream connection, without its credentials. Only when the runtime agrees to switch
 * do bytes flow both ways, until either side is done; its refusal is passed on and ends the connection, so that no
 * second request can follow on it.
 */
export function proxyUpgrade(
  request: IncomingMessage,
  { client, head }: { client: Duplex; head: Buffer },
  { socket, url, idleMs, clock }: Upstream,
): void {
  const outgoing = httpRequest({
    createConnection: () => socket,
    method: request.method ?? 'POST',
    path: url.pathname + url.search,
    setHost: false,
    headers: ['Host', url.host, ...lengthOf(request), ...streamHeaders(request.rawHeaders)],
  });
  const give = (refusal: UpgradeRefusal): void => {
    socket.destroy();
    refuseUpgrade(client, refusal, clock);
  };
  const fail = (error: Error): void => {
    give({ code: 500, reason: 'Internal Server Error', body: `${error.message}\n` });
  };
  client.once('close', () => socket.destroy());
  const answered = clock.after(HANDSHAKE_MS, () => {
    outgoing.destroy(new Error(`the runtime did not answer within ${String(HANDSHAKE_MS / 1000)}s`));
  });
  client.once('close', answered);
  outgoing.once('error', (error) => {
    answered();
    fail(error);
  });
  outgoing.once('response', (answer) => {
    answered();
    const { statusCode = 0 } = answer;
    if (statusCode < 400) {
      answer.destroy();
      fail(new Error(`invalid upgrade response: status code ${String(statusCode)}`));
    } else void readRefusal(answer, clock).then(give);
  });
  outgoing.once('upgrade', (answer, upstream: Duplex, early: Buffer) => {
    answered();
    client.write(responseHead(answer));
    if (early.length > 0) client.write(early);
    if (head.length > 0) upstream.write(head);
    join(client, upstream);
    endWhenIdle(client, { idleMs, clock });
  });
  outgoing.end();
}

function join(client: Duplex, upstream: Duplex): void {
  const end = (): void => {
    upstream.destroy();
    client.destroy();
  };
  for (const side of [upstream, client]) {
    side.once('error', end);
    side.once('close', end);
  }
  client.pipe(upstream);
  upstream.pipe(client);
}

/**
 * Without it Node chunks what a POST sends, and the end of nothing would stand where the stream begins: containerd 1.6 takes it
 * for a frame.
 */
function lengthOf({ method }: IncomingMessage): string[] {
  return method === 'GET' ? [] : ['Content-Length', '0'];
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

/** The runtime's answer as it came, cut off where it is too long. */
async function readRefusal(answer: IncomingMessage, clock: Pick<Clock, 'after'>): Promise<UpgradeRefusal> {
  const chunks: Buffer[] = [];
  let size = 0;
  const cancel = clock.after(REFUSAL_MS, () => answer.destroy());
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > MAX_REFUSAL) break;
    }
  } catch {
    // what was said before the connection broke is still the best there is to tell
  } finally {
    cancel();
  }
  const { statusCode = 500, statusMessage = '', rawHeaders } = answer;
  return {
    code: statusCode,
    reason: statusMessage,
    body: Buffer.concat(chunks).subarray(0, MAX_REFUSAL),
    headers: rawHeaders.filter((_, at) => !hopHeaders.has((rawHeaders[at - (at % 2)] ?? '').toLowerCase())),
  };
}
