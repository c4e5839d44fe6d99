/**
 * The one ssh connection to a host: made when first needed, kept alive, made again with backoff when it
 * breaks.
 */
import type { Client } from 'ssh2';
import { HostError, kindOf, messageOf } from '../../model/errors.ts';
import type { Log } from '../../model/log.ts';
import { orAbort, withDeadline } from '../../util/abort.ts';
import type { Clock } from '../../util/clock.ts';
import { sumOfTraffic, type LinkTraffic } from '../link/traffic.ts';
import { logIn, type SshClient, type SshLogin } from './ssh-handshake.ts';
import { watchSilence } from './ssh-silence.ts';
import { nextSshState, type SshEvent, type SshState } from './ssh-state.ts';

export interface SshConnectionOptions extends Omit<SshLogin, 'clock'> {
  readonly clock: Clock;
  readonly log: Log;
  /** each time that it has come up; must not throw */
  readonly onUp?: (client: Client, options: { signal: AbortSignal }) => void;
}

/** tcpmux: nothing is forwarded from it */
const UNUSED_PORT = 1;
/**
 * Long enough for hosts far away and busy ones, short enough to tell a cut that is over from a host that was
 * there.
 */
const WITNESS_MS = 2_000;

export class SshConnection {
  readonly #options: SshConnectionOptions;
  readonly #log: Log;
  readonly #life = new AbortController();
  #state: SshState = { at: 'idle' };
  /** settles when the attempt under way, or the next one, has ended */
  #attempt = Promise.withResolvers<Client>();
  #current: SshClient | undefined;
  #running: Promise<void> | undefined;
  #made = 0;
  /** over connections that have ended */
  #past = { received: 0, sent: 0 };

  constructor(options: SshConnectionOptions) {
    this.#options = options;
    this.#log = options.log.child({ host: options.host });
  }

  get state(): SshState {
    return this.#state;
  }

  /** how often it has come up */
  get made(): number {
    return this.#made;
  }

  /** Bytes over all its connections so far. */
  traffic(): LinkTraffic {
    return sumOfTraffic(this.#past, this.#current?.socket);
  }

  /** Why it is down, if it is. */
  fault(): string | undefined {
    const state = this.#state;
    return state.at === 'lost' || state.at === 'connecting' ? state.error : undefined;
  }

  /**
   * The client, once it is logged in. While the host can't be reached this rejects at once with the reason;
   * only the first attempt, and the first after a break, are waited for.
   */
  async client({ signal }: { signal: AbortSignal }): Promise<Client> {
    signal.throwIfAborted();
    const state = this.#state;
    if (state.at === 'ready' && this.#current !== undefined) return this.#current.client;
    if (state.at === 'closed') throw this.#unavailable('the link is closed');
    if ((state.at === 'lost' || state.at === 'connecting') && state.failures > 0)
      throw this.#unavailable(state.error ?? 'not connected');
    this.#running ??= this.#run();
    return orAbort(this.#attempt.promise, signal);
  }

  /** See HostLink.witness: the connection is still the same one, and the host's sshd answers on it. */
  witness(): (options: { signal: AbortSignal }) => Promise<boolean> {
    const made = this.#made;
    const client = this.#current?.client;
    const heard = { first: false };
    if (client !== undefined)
      answer(client).then(
        () => (heard.first = true),
        () => undefined,
      );
    return async ({ signal }) => {
      if (this.#made !== made || client === undefined || !heard.first) return false;
      try {
        await withDeadline(signal, WITNESS_MS, 'the host', () => answer(client));
        return this.#made === made && this.#current?.client === client && !this.#current.socket.destroyed;
      } catch {
        return false;
      }
    };
  }

  async close(): Promise<void> {
    this.#move({ type: 'close' });
    this.#life.abort(this.#unavailable('the link is closed'));
    this.#current?.client.end();
    this.#current?.socket.destroy();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#life;
    this.#attempt.promise.catch(() => undefined);
    while (!signal.aborted) {
      await this.#once(signal);
      if (this.#state.at !== 'lost') break;
      const wait = Math.max(0, this.#state.retryAt - clock.monotonic());
      await clock.sleep(wait, { signal }).catch(() => undefined);
    }
    this.#attempt.reject(this.#unavailable('the link is closed'));
  }

  /** One attempt, and the connection's life if it succeeds. */
  async #once(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    this.#move({ type: 'connect' });
    try {
      this.#current = await logIn(this.#options, { signal });
    } catch (error) {
      const refused = kindOf(error) === 'unauthenticated';
      this.#move({ type: 'failed', error: messageOf(error), refused, now: clock.monotonic() });
      const { reject } = this.#attempt;
      this.#renew();
      reject(error);
      return;
    }
    const broken = lifeOf(this.#current);
    this.#made += 1;
    this.#move({ type: 'connected' });
    this.#attempt.resolve(this.#current.client);
    this.#options.onUp?.(this.#current.client, { signal });
    const stopWatching = this.#watch(this.#current);
    const error = await broken;
    stopWatching();
    this.#past = sumOfTraffic(this.#past, this.#current.socket);
    this.#current.socket.destroy();
    this.#current = undefined;
    this.#renew();
    this.#move({ type: 'broke', error: this.#unavailable(error).message, now: clock.monotonic() });
  }

  #watch({ client, socket }: SshClient): () => void {
    return watchSilence({
      socket,
      clock: this.#options.clock,
      ping: () => {
        answer(client).catch(() => undefined);
      },
      onGone: () => socket.destroy(new Error('the host does not answer any more')),
    });
  }

  #renew(): void {
    this.#attempt = Promise.withResolvers<Client>();
    this.#attempt.promise.catch(() => undefined);
  }

  #move(event: SshEvent): void {
    const before = this.#state;
    this.#state = nextSshState(before, event);
    const now = this.#state;
    if (now.at === 'ready') this.#log.info({ endpoint: this.#where() }, 'ssh connection is up');
    if (now.at === 'lost' && (now.failures <= 1 || this.fault() !== faultOf(before)))
      this.#log.warn({ reason: now.error }, 'ssh connection is down: trying again');
  }

  #where(): string {
    const { user, host, port } = this.#options.endpoint;
    return `${user}@${host}:${String(port)}`;
  }

  #unavailable(why: string): HostError {
    const { host } = this.#options;
    const prefix = `${host}: ssh ${this.#where()}`;
    return new HostError('unavailable', host, why.startsWith(prefix) ? why : `${prefix}: ${why}`);
  }
}

function faultOf(state: SshState): string | undefined {
  return state.at === 'lost' || state.at === 'connecting' ? state.error : undefined;
}

/**
 * Resolves when sshd says anything to a question that it refuses; rejects at once if the connection ends at
 * this moment.
 */
function answer(client: Client): Promise<void> {
  return new Promise((resolve) => {
    client.unforwardIn('127.0.0.1', UNUSED_PORT, () => {
      resolve();
    });
  });
}

/** Resolves with the reason when the connection has ended. */
function lifeOf({ client, socket }: SshClient): Promise<string> {
  return new Promise((resolve) => {
    let error = 'the host closed the connection';
    client.on('error', (cause) => {
      error = cause.message;
    });
    socket.on('error', (cause) => {
      error = cause.message;
    });
    const end = (): void => {
      resolve(error);
    };
    client.once('close', end).once('end', end);
    socket.once('close', end);
  });
}
