/** A unix socket that only this process can reach, each of whose connections is carried on over a link. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import type { Duplex } from 'node:stream';
import { joinStreams } from '../../util/join-streams.ts';

export interface SocketBridge {
  readonly path: string;
  close(): void;
}

/** The folder has mode 0700. A connection whose other side can't be opened is closed. */
export function bridgeSocket(open: (options: { signal: AbortSignal }) => Promise<Duplex>): SocketBridge {
  const folder = mkdtempSync(`${tmpdir()}/farlet-`);
  const path = `${folder}/s`;
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    void carry(socket, open);
  });
  // without it a client is refused, and says so
  server.on('error', () => undefined);
  server.listen(path);
  server.unref();
  return {
    path,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function carry(
  socket: Socket,
  open: (options: { signal: AbortSignal }) => Promise<Duplex>,
): Promise<void> {
  const gone = new AbortController();
  socket.on('error', () => socket.destroy());
  socket.once('close', () => {
    gone.abort(new Error('the caller has gone'));
  });
  let far: Duplex;
  try {
    far = await open({ signal: gone.signal });
  } catch {
    socket.destroy();
    return;
  }
  joinStreams(socket, far);
}
