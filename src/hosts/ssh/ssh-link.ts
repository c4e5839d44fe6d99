/**
 * The link to a host over ssh: one connection carries the runtime's socket, dials, and the shells that do
 * files.
 */
import type { Duplex } from 'node:stream';
import type { Client, ClientChannel } from 'ssh2';
import { HostError, messageOf } from '../../model/errors.ts';
import type { Log } from '../../model/log.ts';
import { limitSignal, reasonOf, withDeadline } from '../../util/abort.ts';
import type { Clock } from '../../util/clock.ts';
import type { FollowedFiles } from '../../util/followed-files.ts';
import { DialLimits, onTheWay } from '../link/dial-limits.ts';
import { checkedTarget, TargetError, type DialTarget } from '../link/dial-target.ts';
import type { HostLink } from '../link/link.ts';
import type { ShellChannel } from '../far/remote-agent.ts';
import type { RequestObserver } from '../link/host-request.ts';
import { hostPort, spokenError } from '../link/net-errors.ts';
import { RemoteFiles } from '../far/remote-files.ts';
import { bridgeSocket } from '../link/socket-bridge.ts';
import { SshConnection } from './ssh-connection.ts';
import { parseSshEndpoint } from '../../model/ssh-endpoint.ts';
import { sshFiles, type SshCredentials } from './ssh-files.ts';
import { SshListeners } from './ssh-listener.ts';
import { relayCommand } from './ssh-relay.ts';
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
const OPEN_MS = 30_000;
/** Longer than a kernel tries to connect, whose word it is that nobody answers. */
const TARGET_MS = 150_000;
/** What sshd gets to see that a session has ended. */
const SHED_MS = 500;

type Open = (client: Client, done: (error: Error | undefined, channel: ClientChannel) => void) => void;

/**
 * Nothing is connected before it is needed. Throws on an endpoint that app/config/load.ts would have refused.
 */
export function sshLink(options: SshLinkOptions): HostLink {
  const { name, endpoint, credentials, followed, clock, log, onRequest } = options;
  const parsed = parseSshEndpoint(endpoint);
  if ('problem' in parsed) throw new HostError('invalid', name, `${name}: ${endpoint}: ${parsed.problem}`);
  const login = { host: name, endpoint: parsed, credentials, files: sshFiles(credentials, followed) };
  const sessions = new SshSessions();
  const connection = new SshConnection({
    ...login,
    clock,
    log,
    onUp: (client, { signal }) => {
      // a host that does not tell loses nothing but what it would have been told
      sessions.began(client, { signal: limitSignal(OPEN_MS, signal) }).catch(() => undefined);
    },
  });
  const dialLimits = new DialLimits(name, WIDTHS);
  const listeners = new SshListeners();
  const channel = async (what: string, open: Open, signal: AbortSignal): Promise<ClientChannel> => {
    const client = await connection.client({ signal });
    return openChannel(client, open, { host: name, what, clock, signal, limitMs: OPEN_MS });
  };
  const forward = (what: string, open: Open, signal: AbortSignal): Promise<ClientChannel> =>
    dialLimits.open('runtime', signal, () => channel(what, open, signal));
  const dial = async (target: DialTarget, signal: AbortSignal): Promise<ClientChannel> => {
    const way = { host: name, what: 'the ssh connection', signal };
    const client = await onTheWay(way, () => connection.client({ signal }));
    const what = `dial ${hostPort(target.host, target.port)}`;
    const open: Open = (to, done) => to.forwardOut('127.0.0.1', 0, target.host, target.port, done);
    return openChannel(client, open, { host: name, what, clock, signal, limitMs: TARGET_MS });
  };
  const toRuntime = new RuntimeSocket({
    host: name,
    socket: parsed.socket,
    user: parsed.user,
    forward,
    clock,
    shed: () => {
      files.shed();
    },
  });
  const bridge = bridgeSocket((o) => toRuntime.open(o));
  const files = new RemoteFiles({
    host: name,
    clock,
    onRequest,
    open: async (command, { signal }): Promise<ShellChannel> => {
      const stream = await channel(
        'a shell',
        (client, done) => client.exec(commandLine(command), done),
        signal,
      );
      return { stream, stderr: stream.stderr };
    },
  });
  return {
    name,
    endpoint,
    cri: () => ({ target: `unix:${bridge.path}`, watched: true }),
    fault: () => connection.fault() ?? toRuntime.problem,
    connections: () => connection.made,
    traffic: () => connection.traffic(),
    dial: async (to, { signal, use = 'user' }) => {
      const target = checkedTarget(name, to);
      return dialLimits.open(use, signal, () => dial(target, signal));
    },
    witness: () => connection.witness(),
    listen: async (port, { signal, onConnection }) => {
      const client = await connection.client({ signal });
      return withDeadline(signal, OPEN_MS, `${name}: sshd, to listen`, (limit) =>
        listeners.listen(client, { host: name, port, onConnection, signal: limit }),
      );
    },
    dials: () => dialLimits.usage(),
    files,
    close: async () => {
      files.close();
      bridge.close();
      login.files.release();
      await connection.close();
    },
  };
}

interface RuntimeSocketOptions {
  readonly host: string;
  readonly socket: string;
  readonly user: string;
  readonly forward: (what: string, open: Open, signal: AbortSignal) => Promise<ClientChannel>;
  readonly clock: Clock;
  /** frees a session that files use, if sshd refuses one more (MaxSessions) */
  readonly shed: () => void;
}

/** The way to the runtime's socket: forwarded by sshd, or by a relay if only root may open it. */
class RuntimeSocket {
  readonly #options: RuntimeSocketOptions;
  #relayed = false;
  /** why it could not be opened the last time */
  problem: string | undefined;

  constructor(options: RuntimeSocketOptions) {
    this.#options = options;
  }

  async open({ signal }: { signal: AbortSignal }): Promise<Duplex> {
    try {
      const stream = this.#relayed ? await this.#relay(signal) : await this.#forward(signal);
      this.problem = undefined;
      return stream;
    } catch (error) {
      this.problem = messageOf(error);
      throw error;
    }
  }

  async #forward(signal: AbortSignal): Promise<Duplex> {
    const { socket, user, forward } = this.#options;
    const what = `the runtime's socket ${socket}`;
    try {
      return await forward(
        what,
        (client, done) => client.openssh_forwardOutStreamLocal(socket, done),
        signal,
      );
    } catch (error) {
      // sshd says no more than that it could not connect
      if (user === 'root' || !isConnectFailure(error)) throw error;
      const stream = await this.#relay(signal);
      this.#relayed = true;
      return stream;
    }
  }

  async #relay(signal: AbortSignal): Promise<Duplex> {
    const { host, socket, forward, shed, clock } = this.#options;
    const command = commandLine(relayCommand(socket));
    const what = 'a relay to the runtime under sudo';
    const exec: Open = (client, done) => client.exec(command, done);
    const stream = await forward(what, exec, signal).catch(async (error: unknown) => {
      if (!isConnectFailure(error)) throw error;
      shed();
      await clock.sleep(SHED_MS, { signal });
      return forward(what, exec, signal);
    });
    let said = '';
    stream.stderr.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-1_000);
    });
    stream.once('close', () => {
      if (said !== '') this.problem = `${host}: ${what}: ${said.trim()}`;
    });
    return stream;
  }
}

/** Words of a fixed command for the login shell. */
function commandLine(words: readonly string[]): string {
  return words.map((word) => (/^[\w-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(' ');
}

function openChannel(
  client: Client,
  open: Open,
  options: { host: string; what: string; clock: Clock; signal: AbortSignal; limitMs: number },
): Promise<ClientChannel> {
  const { host, what, clock, signal, limitMs } = options;
  return new Promise((resolve, reject) => {
    let over = false;
    const end = (): boolean => {
      const first = !over;
      over = true;
      cancelTimer();
      signal.removeEventListener('abort', abort);
      return first;
    };
    const fail = (error: unknown): void => {
      if (end()) reject(channelError(error, host, what));
    };
    const abort = (): void => {
      if (end()) reject(reasonOf(signal));
    };
    const cancelTimer = clock.after(limitMs, () => {
      fail(new Error(`no answer within ${String(limitMs / 1000)}s`));
    });
    signal.addEventListener('abort', abort, { once: true });
    try {
      open(client, (error, channel) => {
        if (error !== undefined) fail(error);
        else if (end()) resolve(channel);
        else channel.destroy();
      });
    } catch (error) {
      fail(error);
    }
  });
}

function isConnectFailure(error: unknown): boolean {
  return (
    error instanceof HostError &&
    error.kind === 'unavailable' &&
    /connect failed|open failed/i.test(error.message)
  );
}

function channelError(error: unknown, host: string, what: string): HostError {
  const text = messageOf(error).replace(/^\(SSH\) Channel open failure: /, '');
  const cause = spokenError(text, { cause: error });
  const advice = text.includes('prohibited')
    ? "; the host's sshd forbids it: set AllowTcpForwarding and AllowStreamLocalForwarding to yes (sshd_config)"
    : '';
  const kind = advice === '' ? 'unavailable' : 'forbidden';
  // of a runtime's socket as well, which is a target of the host as any other
  const Kind = refusedByTarget(error) ? TargetError : HostError;
  return new Kind(kind, host, `${host}: ${what}: ${text}${advice}`, { cause });
}

/** SSH_OPEN_CONNECT_FAILED: sshd has tried. Every other reason is its own (RFC 4254, 5.1). */
function refusedByTarget(error: unknown): boolean {
  return error instanceof Error && 'reason' in error && error.reason === 2;
}
