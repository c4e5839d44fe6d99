/** The channels of one host's ssh connection: processes, connections from the host, its runtime's socket. */
import type { Client, ClientChannel } from 'ssh2';
import { HostError, messageOf } from '../../model/errors.ts';
import { reasonOf } from '../../util/abort.ts';
import { attempt } from '../../util/attempt.ts';
import type { Clock } from '../../util/clock.ts';
import type { ShellChannel } from '../far/remote-agent.ts';
import { onTheWay } from '../link/dial-limits.ts';
import { TargetError, type DialTarget } from '../link/dial-target.ts';
import { hostPort, spokenError } from '../link/net-errors.ts';
import type { SshConnection } from './ssh-connection.ts';

export type OpenChannel = (
  client: Client,
  done: (error: Error | undefined, channel: ClientChannel) => void,
) => void;

export interface SshChannelsOptions {
  readonly host: string;
  readonly connection: Pick<SshConnection, 'client'>;
  readonly clock: Pick<Clock, 'after'>;
}

/** What sshd itself may take to open one. */
export const OPEN_MS = 30_000;
/** Longer than a kernel tries to connect, whose word it is that nobody answers. */
const TARGET_MS = 150_000;

/** Each rejects with HostError, or the signal's reason. */
export class SshChannels {
  readonly #options: SshChannelsOptions;

  constructor(options: SshChannelsOptions) {
    this.#options = options;
  }

  /** `what` it is for, in messages. */
  async open(what: string, open: OpenChannel, { signal }: { signal: AbortSignal }): Promise<ClientChannel> {
    const client = await this.#options.connection.client({ signal });
    return openChannel(client, open, { ...this.#options, what, signal, limitMs: OPEN_MS });
  }

  /** A process on the host, by the words of its command. */
  exec(what: string, command: readonly string[], options: { signal: AbortSignal }): Promise<ClientChannel> {
    return this.open(what, (client, done) => client.exec(commandLine(command), done), options);
  }

  async shell(command: readonly string[], options: { signal: AbortSignal }): Promise<ShellChannel> {
    const stream = await this.exec('a shell', command, options);
    return { stream, stderr: stream.stderr };
  }

  /** A connection from the host; TargetError if nobody takes it. */
  async dial({ host: to, port }: DialTarget, { signal }: { signal: AbortSignal }): Promise<ClientChannel> {
    const { host, connection } = this.#options;
    const way = { host, what: 'the ssh connection', signal };
    const client = await onTheWay(way, () => connection.client({ signal }));
    const open: OpenChannel = (through, done) => through.forwardOut('127.0.0.1', 0, to, port, done);
    const what = `dial ${hostPort(to, port)}`;
    return openChannel(client, open, { ...this.#options, what, signal, limitMs: TARGET_MS });
  }
}

/** sshd could not connect to what a channel was to lead to; it says no more than that. */
export function isConnectFailure(error: unknown): boolean {
  return (
    error instanceof HostError &&
    error.kind === 'unavailable' &&
    /connect failed|open failed/i.test(error.message)
  );
}

/** Words of a fixed command for the login shell. */
function commandLine(words: readonly string[]): string {
  return words.map((word) => (/^[\w-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(' ');
}

async function openChannel(
  client: Client,
  open: OpenChannel,
  options: { host: string; what: string; clock: Pick<Clock, 'after'>; signal: AbortSignal; limitMs: number },
): Promise<ClientChannel> {
  const { host, what, clock, signal, limitMs } = options;
  try {
    return await attempt({ signal, limit: { clock, ms: limitMs } }, ({ succeed, fail }) => {
      open(client, (error, channel) => {
        if (error !== undefined) fail(error);
        else if (!succeed(channel)) channel.destroy();
      });
      return undefined;
    });
  } catch (error) {
    if (signal.aborted) throw reasonOf(signal);
    throw channelError(error, host, what);
  }
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
