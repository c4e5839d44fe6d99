/** One attempt to log in to a host: TCP, the host's key against known_hosts, the user's key. */
import { connect, type Socket } from 'node:net';
import type { Client, ConnectConfig, ServerHostKeyAlgorithm } from 'ssh2';
import { HostError, messageOf } from '../../model/errors.ts';
import { attempt } from '../../util/attempt.ts';
import type { Clock } from '../../util/clock.ts';
import {
  checkHostKey,
  fingerprint,
  keyType,
  knownHostsName,
  knownKeyTypes,
  type HostKeyVerdict,
  type KnownHost,
} from './known-hosts.ts';
import type { SshEndpoint } from '../../model/ssh-endpoint.ts';
import type { SshCredentials, SshFiles } from './ssh-files.ts';

export interface SshLogin {
  readonly host: string;
  readonly endpoint: SshEndpoint;
  readonly credentials: SshCredentials;
  readonly files: SshFiles;
  readonly clock: Pick<Clock, 'after'>;
}

export interface SshClient {
  readonly client: Client;
  readonly socket: Socket;
}

const ATTEMPT_MS = 15_000;

/** Loaded with the first login: where no host is reached over ssh its megabytes are not needed. */
const loadSsh = async () => (await import('ssh2')).default;

/**
 * Resolves with a client that is logged in. Rejects with HostError; `unauthenticated` is what time does not
 * mend.
 */
export async function logIn(login: SshLogin, { signal }: { signal: AbortSignal }): Promise<SshClient> {
  const { host, endpoint, files } = login;
  const where = `${host}: ssh ${endpoint.user}@${endpoint.host}:${String(endpoint.port)}`;
  const known = await readOr(files.knownHosts.read(), where, host);
  const keys = await userKeys(login, where);
  signal.throwIfAborted();
  const socket = await openSocket(login, where, signal);
  const { Client: SshClient } = await loadSsh();
  const client = new SshClient();
  let verdict: HostError | undefined;
  const config: ConnectConfig = {
    sock: socket,
    username: endpoint.user,
    ...keys,
    readyTimeout: ATTEMPT_MS,
    algorithms: hostKeyAlgorithms(known, endpoint),
    hostVerifier: (key: Buffer) => {
      const checked = checkHostKey(known, endpoint, key);
      if (!checked.ok) verdict = refusal(login, where, { key, verdict: checked });
      return checked.ok;
    },
  };
  try {
    await attempt<undefined>({ signal, limit: limitOf(login) }, ({ succeed, fail }) => {
      const closed = (): void => {
        fail(new Error('the host closed the connection'));
      };
      socket.once('error', fail);
      client.once('error', fail).once('close', closed);
      client.once('ready', () => succeed(undefined));
      if (!signal.aborted) client.connect(config);
      return ({ isFailure }) => {
        client.off('error', fail).off('close', closed);
        socket.off('error', fail);
        if (isFailure) client.on('error', () => undefined);
      };
    });
    return { client, socket };
  } catch (error) {
    client.end();
    socket.destroy();
    throw verdict ?? loginError(error, where, login);
  }
}

function limitOf({ clock }: SshLogin): { clock: SshLogin['clock']; ms: number } {
  return { clock, ms: ATTEMPT_MS };
}

/** ssh2 hides why a socket could not be connected, so it gets one that is. */
async function openSocket(login: SshLogin, where: string, signal: AbortSignal): Promise<Socket> {
  const { host, endpoint } = login;
  try {
    return await attempt({ signal, limit: limitOf(login) }, ({ succeed, fail }) => {
      const socket = connect({ host: endpoint.host, port: endpoint.port, noDelay: true });
      socket.once('error', fail).once('connect', () => succeed(socket));
      return ({ isFailure }) => {
        socket.off('error', fail);
        if (isFailure) socket.on('error', () => undefined).destroy();
      };
    });
  } catch (error) {
    throw new HostError('unavailable', host, `${where}: ${messageOf(error)}`, { cause: error });
  }
}

/** The key types that are known of the host go first, so that it shows the key that can be checked. */
function hostKeyAlgorithms(
  known: readonly KnownHost[],
  name: SshEndpoint,
): { serverHostKey?: ServerHostKeyAlgorithm[] } {
  const types = knownKeyTypes(known, name).flatMap((type) =>
    type === 'ssh-rsa' ? ['rsa-sha2-512', 'rsa-sha2-256'] : [type],
  );
  return types.length === 0 ? {} : { serverHostKey: types as ServerHostKeyAlgorithm[] };
}

async function userKeys(
  { host, files, credentials: { agentSocket } }: SshLogin,
  where: string,
): Promise<Pick<ConnectConfig, 'privateKey' | 'agent'>> {
  if (files.privateKey === undefined) {
    if (agentSocket !== undefined) return { agent: agentSocket };
    throw new HostError('unauthenticated', host, `${where}: neither a private key nor an ssh agent is given`);
  }
  return { privateKey: await readOr(files.privateKey.read(), where, host) };
}

async function readOr<T>(content: Promise<T>, where: string, host: string): Promise<T> {
  try {
    return await content;
  } catch (error) {
    throw new HostError('unauthenticated', host, `${where}: ${messageOf(error)}`, { cause: error });
  }
}

function refusal(
  { host, endpoint, credentials }: SshLogin,
  where: string,
  { key, verdict }: { key: Buffer; verdict: Extract<HostKeyVerdict, { ok: false }> },
): HostError {
  const file = credentials.knownHostsFile;
  const lines = verdict.lines.map((line) => `${file}:${String(line)}`).join(', ');
  const shown = `the host's ${keyType(key)} key ${fingerprint(key)}`;
  const add = `if it is the right one, add it: ${knownHostsName(endpoint)} ${keyType(key)} ${key.toString('base64')}`;
  const texts = {
    unknown: `${shown} is not in ${file}; ${add}`,
    changed: `${shown} is not the one in ${lines}: somebody may be listening in, or the host was reinstalled; ${add} in place of the old`,
    revoked: `${shown} is revoked by ${lines}`,
    'certificates-only': `only @cert-authority lines name the host (${lines}), and host certificates are not supported; ${add}`,
  };
  return new HostError('unauthenticated', host, `${where}: ${texts[verdict.why]}`);
}

function loginError(error: unknown, where: string, { host, endpoint, credentials }: SshLogin): HostError {
  const level = error instanceof Error && 'level' in error ? error.level : undefined;
  const cause = error instanceof Error ? { cause: error } : {};
  if (level === 'client-authentication' || level === 'agent') {
    const key = credentials.privateKeyFile ?? `the ssh agent ${credentials.agentSocket ?? ''}`;
    const text = `${where}: the key of ${key} was refused: add its public half to ~/.ssh/authorized_keys of ${endpoint.user}`;
    return new HostError('unauthenticated', host, text, cause);
  }
  return new HostError('unavailable', host, `${where}: ${messageOf(error)}`, cause);
}
