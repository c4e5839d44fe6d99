/** Hands an upgraded connection over to the runtime's streaming server, byte by byte (ADR 2). */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from '../util/clock.ts';

const hopHeaders = new Set(['authorization', 'host', 'cookie']);
const MAX_REFUSAL = 64 * 1024;
const HANDSHAKE_MS = 30_000;

export interface Upstream {
  readonly socket: Duplex;
  readonly url: URL;
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
  { socket, url, clock }: Upstream,
): void {
  const outgoing = httpRequest({
    createConnection: () => socket,
    method: request.method ?? 'POST',
    path: url.pathname + url.search,
    setHost: false,
    headers: ['Host', url.host, ...withoutCredentials(request.rawHeaders)],
  });
  const give = (code: number, reason: string, body: string): void => {
    socket.destroy();
    refuseUpgrade(client, { code, reason, body });
  };
  client.once('close', () => socket.destroy());
  const answered = clock.after(HANDSHAKE_MS, () => {
    outgoing.destroy(new Error(`the runtime did not answer within ${String(HANDSHAKE_MS / 1000)}s`));
  });
  outgoing.once('error', (error) => {
    answered();
    give(500, 'Internal Server Error', error.message);
  });
  outgoing.once('response', (answer) => {
    answered();
    void refusalText(answer).then((body) => {
      give(answer.statusCode ?? 500, answer.statusMessage ?? '', body);
    });
  });
  outgoing.once('upgrade', (answer, upstream: Duplex, early: Buffer) => {
    answered();
    client.write(responseHead(answer));
    if (early.length > 0) client.write(early);
    if (head.length > 0) upstream.write(head);
    join(client, upstream);
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

function withoutCredentials(rawHeaders: readonly string[]): string[] {
  return rawHeaders.flatMap((name, at) =>
    at % 2 === 0 && !hopHeaders.has(name.toLowerCase()) ? [name, rawHeaders[at + 1] ?? ''] : [],
  );
}

function responseHead({ statusMessage, rawHeaders }: IncomingMessage): string {
  const lines = rawHeaders.flatMap((name, at) =>
    at % 2 === 0 ? [`${name}: ${rawHeaders[at + 1] ?? ''}\r\n`] : [],
  );
  return `HTTP/1.1 101 ${statusMessage ?? 'Switching Protocols'}\r\n${lines.join('')}\r\n`;
}

async function refusalText(answer: IncomingMessage): Promise<string> {
  let text = '';
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      text += chunk.toString();
      if (text.length > MAX_REFUSAL) break;
    }
  } catch {
    // what was said before the connection broke is still the best there is to tell
  }
  return text.slice(0, MAX_REFUSAL);
}

/** An HTTP answer on a connection that was to be upgraded, and its end. */
export function refuseUpgrade(client: Duplex, { code, reason, body, headers = {} }: UpgradeRefusal): void {
  const more = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  client.end(
    `HTTP/1.1 ${String(code)} ${reason}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${String(Buffer.byteLength(body))}\r\n${more.join('')}Connection: close\r\n\r\n${body}`,
  );
}

export interface UpgradeRefusal {
  readonly code: number;
  readonly reason: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}
