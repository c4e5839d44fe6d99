/** Kubelet APIs that end with the test that started them, and what streams need. */
import { createServer, connect as connectPlain, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach } from 'node:test';
import type { Backend } from '../api/server/backend.ts';
import { startKubelet, type TestServer, type TestServerOptions } from './kubelet-server.ts';

/** What else a test has started, ended with it. */
export const servers: { close(): unknown }[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

export async function kubelet(options: TestServerOptions = {}): Promise<TestServer> {
  const server = await startKubelet(options);
  servers.push(server);
  return server;
}

/** Whom openBackend knows. */
export const bearer = ['Authorization: Bearer good'];

/** A streaming server as a runtime's: says what `speak` says to each connection. */
export async function streamer(
  speak: (socket: Socket) => void,
): Promise<{ dials: Socket[]; stream: Backend['stream'] }> {
  const dials: Socket[] = [];
  const server: Server = createServer((socket) => {
    dials.push(socket.on('error', () => undefined));
    speak(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  servers.push({
    close: () => {
      for (const socket of dials) socket.destroy();
      server.close();
    },
  });
  const dial = (): Promise<Socket> =>
    new Promise((resolve, reject) => {
      const socket: Socket = connectPlain(port, '127.0.0.1', () => {
        resolve(socket);
      });
      socket.on('error', reject);
    });
  return {
    dials,
    stream: () =>
      Promise.resolve({
        by: 'runtime',
        url: new URL(`http://127.0.0.1:${port}/exec/t0ken`),
        dial,
        options: { stdin: true, stdout: true, stderr: true, tty: false },
      }),
  };
}

export const EXEC = 'POST /exec/ns/p/c?command=true&output=1';
export const switching =
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n';

export async function nobody(server: TestServer): Promise<void> {
  while (server.connections > 0) await new Promise(setImmediate);
}
