/** The link to the machine farlet runs on: its socket, its network, its files. */
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { HostError } from '../../model/errors.ts';
import { reasonOf } from '../../util/abort.ts';
import { checkedTarget, TargetError, type DialTarget } from '../link/dial-target.ts';
import type { HostLink } from '../link/link.ts';
import { LocalFiles } from './local-files.ts';
import { errorCode, hostPort } from '../link/net-errors.ts';

/** `endpoint` is `unix:///path/to.sock`. Nothing is connected before it is needed. */
export function unixLink({ name, endpoint }: { name: string; endpoint: string }): HostLink {
  const { pathname } = new URL(endpoint);
  const files = new LocalFiles({ host: name });
  return {
    name,
    endpoint,
    cri: () => ({ target: `unix:${pathname}` }),
    dial: async (target, { signal }) => dial(name, checkedTarget(name, target), signal),
    files,
    close: () => {
      files.close();
      return Promise.resolve();
    },
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
      reject(refusal(name, target, cause));
    };
    const abort = (): void => {
      socket.off('error', fail).on('error', () => undefined);
      socket.destroy();
      reject(reasonOf(signal));
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

/** What this machine lacks is no fault of the target. */
const lacking = ['EMFILE', 'ENFILE', 'ENOMEM', 'ENOBUFS', 'EADDRNOTAVAIL'];

function refusal(name: string, { host, port }: DialTarget, cause: Error): HostError {
  const text = `${name}: dial ${hostPort(host, port)}: ${cause.message}`;
  if (lacking.includes(errorCode(cause) ?? '')) return new HostError('unavailable', name, text, { cause });
  return new TargetError('unavailable', name, text, { cause });
}
