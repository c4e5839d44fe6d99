/** The way to the runtime's socket: forwarded by sshd, or by a relay if only root may open it. */
import type { Duplex } from 'node:stream';
import type { ClientChannel } from 'ssh2';
import { messageOf } from '../../model/errors.ts';
import type { Clock } from '../../util/clock.ts';
import type { DialLimits } from '../link/dial-limits.ts';
import { lastWords } from '../link/last-words.ts';
import { isConnectFailure, type SshChannels } from './ssh-channels.ts';
import { relayCommand } from './ssh-relay.ts';

export interface SshRuntimeSocketOptions {
  readonly host: string;
  readonly socket: string;
  readonly user: string;
  readonly channels: Pick<SshChannels, 'open' | 'exec'>;
  readonly limits: DialLimits;
  readonly clock: Pick<Clock, 'sleep'>;
  /** frees a session that files use, if sshd refuses one more (MaxSessions) */
  readonly shed: () => void;
}

/** What sshd gets to see that a session has ended. */
const SHED_MS = 500;

export class SshRuntimeSocket {
  readonly #options: SshRuntimeSocketOptions;
  #relayed = false;
  /** why it could not be opened the last time */
  problem: string | undefined;

  constructor(options: SshRuntimeSocketOptions) {
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
    const { socket, user, channels, limits } = this.#options;
    const what = `the runtime's socket ${socket}`;
    try {
      return await limits.open('runtime', signal, () =>
        channels.open(what, (client, done) => client.openssh_forwardOutStreamLocal(socket, done), { signal }),
      );
    } catch (error) {
      if (user === 'root' || !isConnectFailure(error)) throw error;
      const stream = await this.#relay(signal);
      this.#relayed = true;
      return stream;
    }
  }

  async #relay(signal: AbortSignal): Promise<Duplex> {
    const { host, socket, channels, limits, shed, clock } = this.#options;
    const what = 'a relay to the runtime under sudo';
    const relay = (): Promise<ClientChannel> =>
      limits.open('runtime', signal, () => channels.exec(what, relayCommand(socket), { signal }));
    const stream = await relay().catch(async (error: unknown) => {
      if (!isConnectFailure(error)) throw error;
      shed();
      await clock.sleep(SHED_MS, { signal });
      return relay();
    });
    const words = lastWords(stream.stderr);
    stream.once('close', () => {
      if (words() !== '') this.problem = `${host}: ${what}: ${words().trim()}`;
    });
    return stream;
  }
}
