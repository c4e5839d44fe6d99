/** The link to the machine farlet runs on: its socket, its network, its files. */
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { HostError, messageOf } from '../../model/errors.ts';
import { reasonOf } from '../../util/abort.ts';
import { attempt } from '../../util/attempt.ts';
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

async function dial(name: string, target: DialTarget, signal: AbortSignal): Promise<Duplex> {
  try {
    return await attempt<Duplex>({ signal }, ({ succeed, fail }) => {
      const socket = connect({ host: target.host, port: target.port, noDelay: true });
      socket.once('error', fail).once('connect', () => succeed(socket));
      return ({ isFailure }) => {
        socket.off('error', fail);
        if (isFailure) socket.on('error', () => undefined).destroy();
      };
    });
  } catch (error) {
    if (signal.aborted) throw reasonOf(signal);
    throw refusal(name, target, error);
  }
}

/** What this machine lacks is no fault of the target. */
const lacking = ['EMFILE', 'ENFILE', 'ENOMEM', 'ENOBUFS', 'EADDRNOTAVAIL'];

function refusal(name: string, { host, port }: DialTarget, cause: unknown): HostError {
  const text = `${name}: dial ${hostPort(host, port)}: ${messageOf(cause)}`;
  if (lacking.includes(errorCode(cause) ?? '')) return new HostError('unavailable', name, text, { cause });
  return new TargetError('unavailable', name, text, { cause });
}
