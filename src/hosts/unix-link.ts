/** The link to the machine farlet runs on: its socket, its network, its files. */
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { HostError } from '../model/errors.ts';
import type { DialTarget, HostLink } from './link.ts';
import { LocalFiles } from './local-files.ts';

/** `endpoint` is `unix:///path/to.sock`. Nothing is connected before it is needed. */
export function unixLink({ name, endpoint }: { name: string; endpoint: string }): HostLink {
  const { pathname } = new URL(endpoint);
  return {
    name,
    endpoint,
    cri: () => ({ target: `unix:${pathname}` }),
    dial: (target, { signal }) => dial(name, target, signal),
    files: new LocalFiles({ host: name }),
    close: () => Promise.resolve(),
  };
}

function dial(name: string, target: DialTarget, signal: AbortSignal): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: target.host, port: target.port, noDelay: true });
    const give = (): void => {
      signal.removeEventListener('abort', abort);
      socket.off('error', fail);
      resolve(socket);
    };
    const fail = (cause: Error): void => {
      signal.removeEventListener('abort', abort);
      socket.destroy();
      reject(
        new HostError('unavailable', name, `${name}: dial ${target.host}:${target.port}: ${cause.message}`, {
          cause,
        }),
      );
    };
    const abort = (): void => {
      fail(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
    };
    if (signal.aborted) {
      abort();
      return;
    }
    signal.addEventListener('abort', abort, { once: true });
    socket.once('connect', give);
    socket.once('error', fail);
  });
}
