import type { Duplex } from 'node:stream';
import type { Clock } from '../../util/clock.ts';

/** How long the other end may take to read the answer and close. */
const LINGER_MS = 5_000;

export interface UpgradeRefusal {
  readonly code: number;
  readonly reason: string;
  readonly body: string | Buffer;
  /** names and values in turn, as node's rawHeaders; default: the body is plain text */
  readonly headers?: readonly string[];
}

/**
 * An HTTP answer on a connection that was to be upgraded, and its end: no server watches over it any more.
 * What still comes is thrown away, so that the answer is not lost by a reset.
 */
export function refuseUpgrade(client: Duplex, refusal: UpgradeRefusal, clock: Pick<Clock, 'after'>): void {
  if (client.destroyed) return;
  const { code, reason, body, headers = ['Content-Type', 'text/plain; charset=utf-8'] } = refusal;
  const bytes = Buffer.from(body);
  const head = [
    `HTTP/1.1 ${String(code)} ${reason}`,
    ...headerLines([...headers, 'Content-Length', String(bytes.length), 'Connection', 'close']),
    '',
    '',
  ].join('\r\n');
  const cancel = clock.after(LINGER_MS, () => client.destroy());
  client.once('close', cancel);
  client.once('error', () => client.destroy());
  client.once('end', () => client.destroy());
  client.end(Buffer.concat([Buffer.from(head, 'latin1'), bytes]));
  client.resume();
}

/** Of names and values in turn. */
export function headerLines(headers: readonly string[]): string[] {
  return headers.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${headers[at + 1] ?? ''}`] : []));
}
