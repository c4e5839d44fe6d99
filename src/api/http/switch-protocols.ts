/** Asks the runtime's streaming server to switch protocols, and tells of what it refuses. */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../util/clock.ts';
import type { UpgradeRefusal } from './refuse-upgrade.ts';
import type { Life } from './stream-request.ts';

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

export interface Handshake {
  readonly method: string;
  readonly url: URL;
  /** names and values in turn, as node's rawHeaders */
  readonly headers: readonly string[];
}

export interface Switched {
  readonly answer: IncomingMessage;
  readonly upstream: Duplex;
  /** what came with the answer */
  readonly early: Buffer;
}

/** The runtime did not switch protocols: what it answered, or what went wrong instead. */
export class UpgradeRefused extends Error {
  readonly refusal: UpgradeRefusal;
  constructor(refusal: UpgradeRefusal) {
    super(refusal.body.toString().trim());
    this.name = 'UpgradeRefused';
    this.refusal = refusal;
  }
}

/**
 * Sends the handshake on this connection to the runtime. Rejects with UpgradeRefused, and the connection is
 * closed then.
 */
export async function switchProtocols(
  socket: Duplex,
  { method, url, headers }: Handshake,
  clock: Pick<Clock, 'after'>,
): Promise<Switched> {
  const outgoing = httpRequest({
    createConnection: () => socket,
    method,
    path: url.pathname + url.search,
    setHost: false,
    headers: ['Host', url.host, ...lengthOf(method), ...headers],
  });
  const cancel = clock.after(HANDSHAKE_MS, () => {
    outgoing.destroy(new Error(`the runtime did not answer within ${String(HANDSHAKE_MS / 1000)}s`));
  });
  try {
    return await new Promise<Switched>((resolve, reject) => {
      const refuse = (error: Error): void => {
        reject(
          new UpgradeRefused({ code: 500, reason: 'Internal Server Error', body: `${error.message}\n` }),
        );
      };
      outgoing.once('error', refuse);
      outgoing.once('response', (answer) => {
        cancel();
        const { statusCode = 0 } = answer;
        if (statusCode < 400) {
          answer.destroy();
          refuse(new Error(`invalid upgrade response: status code ${String(statusCode)}`));
        } else
          void readRefusal(answer, clock).then((refusal) => {
            reject(new UpgradeRefused(refusal));
          });
      });
      outgoing.once('upgrade', (answer, upstream: Duplex, early: Buffer) => {
        resolve({ answer, upstream, early });
      });
      outgoing.end();
    });
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    cancel();
  }
}

/**
 * Without it Node chunks what a POST sends, and the end of nothing would stand where the stream begins:
 * containerd 1.6 takes it for a frame.
 */
function lengthOf(method: string): string[] {
  return method === 'GET' ? [] : ['Content-Length', '0'];
}

/** A handshake for SPDY/3.1 that carries this protocol of streams. */
export function switchToSpdy(
  socket: Duplex,
  { url, protocol }: { url: URL; protocol: string },
  clock: Pick<Clock, 'after'>,
): Promise<Switched> {
  const headers = ['Connection', 'Upgrade', 'Upgrade', 'SPDY/3.1', 'X-Stream-Protocol-Version', protocol];
  return switchProtocols(socket, { method: 'POST', url, headers }, clock);
}

/**
 * A connection that ends when the signal aborts; one that comes later than that is closed at once, and it
 * rejects.
 */
export async function dialUntil(
  dial: (options: Life) => Promise<Duplex>,
  signal: AbortSignal,
): Promise<Duplex> {
  const socket = await dial({ signal });
  // its user listens to 'close'
  socket.on('error', () => undefined);
  if (signal.aborted) socket.destroy();
  signal.throwIfAborted();
  signal.addEventListener('abort', () => socket.destroy(), { once: true });
  return socket;
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
