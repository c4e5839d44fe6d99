/**
 * The link to a host over ssh: one connection carries the runtime's socket, dials, and the shells that do
 * files.
 */
import { HostError } from '../../model/errors.ts';
import type { Log } from '../../model/log.ts';
import { parseSshEndpoint } from '../../model/ssh-endpoint.ts';
import { limitSignal, withDeadline } from '../../util/abort.ts';
import type { Clock } from '../../util/clock.ts';
import type { FollowedFiles } from '../../util/followed-files.ts';
import { RemoteFiles } from '../far/remote-files.ts';
import { DialLimits } from '../link/dial-limits.ts';
import { checkedTarget } from '../link/dial-target.ts';
import type { RequestObserver } from '../link/host-request.ts';
import type { HostLink } from '../link/link.ts';
import { bridgeSocket } from '../link/socket-bridge.ts';
import { OPEN_MS, SshChannels } from './ssh-channels.ts';
import { SshConnection, type SshConnectionOptions } from './ssh-connection.ts';
import { sshFiles, type SshCredentials } from './ssh-files.ts';
import { SshListeners } from './ssh-listener.ts';
import { SshRuntimeSocket } from './ssh-runtime-socket.ts';
import { SshSessions } from './ssh-session.ts';

export interface SshLinkOptions {
  readonly name: string;
  readonly endpoint: string;
  readonly credentials: SshCredentials;
  readonly followed: FollowedFiles;
  readonly clock: Clock;
  readonly log: Log;
  readonly onRequest?: RequestObserver | undefined;
}

/**
 * Forwarded connections open at a time; those beyond wait. Together they stay below the files that an sshd
 * may have open.
 */
const WIDTHS = [
  ['probe', 192],
  ['hook', 64],
  ['user', 192],
  ['runtime', 64],
] as const;

/**
 * Nothing is connected before it is needed. Throws on an endpoint that app/config/load.ts would have refused.
 */
export function sshLink(options: SshLinkOptions): HostLink {
  const { name, clock, onRequest } = options;
  const endpoint = parseSshEndpoint(options.endpoint);
  if ('problem' in endpoint)
    throw new HostError('invalid', name, `${name}: ${options.endpoint}: ${endpoint.problem}`);
  const credentials = sshFiles(options.credentials, options.followed);
  const connection = connectionOf(options, { endpoint, files: credentials });
  const channels = new SshChannels({ host: name, connection, clock });
  const limits = new DialLimits(name, WIDTHS);
  const files = new RemoteFiles({
    host: name,
    clock,
    onRequest,
    open: (command, { signal }) => channels.shell(command, { signal }),
  });
  const { socket, user } = endpoint;
  const shed = files.shed.bind(files);
  const runtime = new SshRuntimeSocket({ host: name, socket, user, channels, limits, clock, shed });
  const bridge = bridgeSocket(({ signal }) => runtime.open({ signal }));
  const listeners = new SshListeners();
  return {
    name,
    endpoint: options.endpoint,
    cri: () => ({ target: `unix:${bridge.path}`, watched: true }),
    fault: () => connection.fault() ?? runtime.problem,
    connections: () => connection.made,
    traffic: () => connection.traffic(),
    dial: async (to, { signal, use = 'user' }) => {
      const target = checkedTarget(name, to);
      return limits.open(use, signal, () => channels.dial(target, { signal }));
    },
    dials: () => limits.usage(),
    witness: () => connection.witness(),
    listen: async (port, { signal, onConnection }) => {
      const client = await connection.client({ signal });
      return withDeadline(signal, OPEN_MS, `${name}: sshd, to listen`, (limit) =>
        listeners.listen(client, { host: name, port, onConnection, signal: limit }),
      );
    },
    files,
    close: async () => {
      files.close();
      bridge.close();
      credentials.release();
      await connection.close();
    },
  };
}

function connectionOf(
  { name, credentials, clock, log }: SshLinkOptions,
  login: Pick<SshConnectionOptions, 'endpoint' | 'files'>,
): SshConnection {
  const sessions = new SshSessions();
  return new SshConnection({
    ...login,
    host: name,
    credentials,
    clock,
    log,
    onUp: (client, { signal }) => {
      // a host that does not tell loses nothing but what it would have been told
      sessions.began(client, { signal: limitSignal(OPEN_MS, signal) }).catch(() => undefined);
    },
  });
}
