/** A TCP server on loopback that answers with bytes, however wrong they are, and a dial that leads to it. */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket, type TLSSocketOptions } from 'node:tls';

export interface RawServer {
  readonly port: number;
  /** what came on each connection until it was answered, in latin1 */
  readonly seen: string[];
  close(): Promise<void>;
}

export interface RawAnswer {
  /** `@PORT@` stands for the server's port */
  readonly bytes: string | Buffer;
  /** how the connection goes on; it is ended by default */
  readonly then?: 'end' | 'hang' | 'reset';
}

/**
 * Answers the connections one after the other, the last answer again and again, each once `until` has come.
 */
export async function rawServer(
  answers: readonly RawAnswer[],
  { until = /\r\n\r\n/, tls }: { until?: RegExp; tls?: TLSSocketOptions } = {},
): Promise<RawServer> {
  const seen: string[] = [];
  const sockets = new Set<Socket>();
  let port = 0;
  let next = 0;
  const server = createServer((socket) => {
    const answer = answers[Math.min(next, answers.length - 1)];
    next += 1;
    sockets.add(socket);
    socket.on('error', () => undefined).once('close', () => sockets.delete(socket));
    const spoken: Duplex = tls === undefined ? socket : new TLSSocket(socket, { isServer: true, ...tls });
    let text = '';
    let isAnswered = false;
    spoken.on('error', () => undefined);
    spoken.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (isAnswered || !until.test(text)) return;
      isAnswered = true;
      seen.push(text);
      const { bytes = '', then = 'end' } = answer ?? {};
      const given =
        typeof bytes === 'string' ? Buffer.from(bytes.replaceAll('@PORT@', String(port)), 'latin1') : bytes;
      spoken.write(given, () => {
        if (then === 'end') spoken.end();
        if (then === 'reset') socket.resetAndDestroy();
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ({ port } = server.address() as AddressInfo);
  return {
    port,
    seen,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => {
          resolve();
        });
      }),
  };
}

export function dialLoopback({ host, port }: { host: string; port: number }): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
  });
}
