/** Hands an upgraded connection over to the runtime's streaming server, byte by byte. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

const hopHeaders = new Set(['authorization', 'host', 'cookie']);

/** Replays the request on the upstream connection, without its credentials, and pipes both ways until both are done. */
export function proxyUpgrade(
  request: IncomingMessage,
  client: Duplex,
  { upstream, target, head }: { upstream: Duplex; target: URL; head: Buffer },
): void {
  const lines = [
    `${request.method ?? 'POST'} ${target.pathname}${target.search} HTTP/1.1`,
    `Host: ${target.host}`,
  ];
  for (let at = 0; at + 1 < request.rawHeaders.length; at += 2) {
    const name = request.rawHeaders[at] ?? '';
    if (!hopHeaders.has(name.toLowerCase())) lines.push(`${name}: ${request.rawHeaders[at + 1] ?? ''}`);
  }
  upstream.write(`${lines.join('\r\n')}\r\n\r\n`);
  if (head.length > 0) upstream.write(head);
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

/** An HTTP answer on a connection that was to be upgraded. */
export function refuseUpgrade(client: Duplex, code: number, reason: string, body: string): void {
  client.end(
    `HTTP/1.1 ${String(code)} ${reason}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${String(Buffer.byteLength(body))}\r\nConnection: close\r\n\r\n${body}`,
  );
}
