/** A port of the host, listened on by its sshd, whose connections come here (RFC 4254, 7.1). */
import type { Duplex } from 'node:stream';
import type { AcceptConnection, Client, ClientChannel, RejectConnection, TcpConnectionDetails } from 'ssh2';
import { HostError, messageOf } from '../../model/errors.ts';
import { attempt } from '../../util/attempt.ts';
import type { HostListener } from '../link/link.ts';
import { endSession, sshSession, type SshSession } from './ssh-session.ts';

/** All addresses, of all families. Where GatewayPorts is no, sshd takes loopback in silence. */
const EVERY_ADDRESS = '';

export interface SshListenerOptions {
  readonly host: string;
  readonly port: number;
  readonly onConnection: (stream: Duplex) => void;
  readonly signal: AbortSignal;
}

/** Listens again and again, over one connection after the other. */
export class SshListeners {
  /** that listened last; its connection may have been cut unseen by sshd */
  #session: SshSession | undefined;

  async listen(client: Client, options: SshListenerOptions): Promise<HostListener> {
    const { signal } = options;
    const session = await sshSession(client, { signal });
    const former = this.#session;
    const listener = await listenThrough(client, options).catch(async (error: unknown) => {
      signal.throwIfAborted();
      if (former === undefined || former.pid === session?.pid) throw error;
      if ((await endSession(client, former, { signal })) === 'gone') throw error;
      return listenThrough(client, options);
    });
    this.#session = session;
    return listener;
  }
}

/** Rejects with HostError where sshd does not listen: it says no more than that. */
async function listenThrough(client: Client, options: SshListenerOptions): Promise<HostListener> {
  const { host, port, onConnection, signal } = options;
  const ended = Promise.withResolvers<string>();
  const take = (
    details: TcpConnectionDetails,
    accept: AcceptConnection<ClientChannel>,
    reject: RejectConnection,
  ): void => {
    if (details.destPort !== port) reject();
    else onConnection(accept());
  };
  await attempt<undefined>({ signal }, ({ succeed, fail }) => {
    client.forwardIn(EVERY_ADDRESS, port, (error) => {
      if (error !== undefined) fail(refused(error, options));
      // nobody waits for it any more
      else if (!succeed(undefined)) client.unforwardIn(EVERY_ADDRESS, port);
    });
    return undefined;
  });
  const close = (): void => {
    client.off('tcp connection', take);
    client.off('close', gone);
    ended.resolve('it was closed');
    try {
      client.unforwardIn(EVERY_ADDRESS, port);
    } catch {
      // the connection has ended, and the listener with it
    }
  };
  const gone = (): void => {
    ended.resolve(`${host}: the ssh connection has ended`);
  };
  client.on('tcp connection', take).once('close', gone);
  const advice = 'its sshd may take loopback only; set GatewayPorts to clientspecified or yes (sshd_config)';
  return { ended: ended.promise, advice, close };
}

function refused(error: Error, { host, port }: SshListenerOptions): HostError {
  return new HostError(
    'unavailable',
    host,
    `${host}: sshd does not listen on port ${String(port)} (${messageOf(error)}): a kubelet, another farlet or a session that sshd still takes for alive has the port, or sshd forbids it (AllowTcpForwarding, PermitListen, permitlisten)`,
  );
}
