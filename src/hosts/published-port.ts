/**
 * A port of a host that leads to a listener of farlet: kept for as long as the host is there, and found out
 * whether it can be reached.
 */
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { messageOf } from '../model/errors.ts';
import { orAbort, withDeadline } from '../util/abort.ts';
import { backoffMs } from '../util/backoff.ts';
import type { Clock } from '../util/clock.ts';
import { joinStreams } from '../util/join-streams.ts';
import { hostPort } from './link/net-errors.ts';
import type { HostLink, HostListener } from './link/link.ts';

export type ListeningLink = Pick<HostLink, 'name' | 'dial'> & Required<Pick<HostLink, 'listen'>>;

/** Undefined where the host is farlet's own machine, on which farlet itself can listen. */
export function listeningLink(link: HostLink): ListeningLink | undefined {
  const listen = link.listen?.bind(link);
  return listen === undefined ? undefined : { name: link.name, dial: link.dial.bind(link), listen };
}

export interface PortProblem {
  /** the host does not listen, or its addresses do not lead here although it does */
  readonly at: 'listening' | 'reaching';
  readonly text: string;
}

export interface PublishedPortOptions {
  readonly link: ListeningLink;
  /** of the host */
  readonly port: number;
  /** where connections go on to */
  readonly to: { readonly host: string; readonly port: number };
  /** those of the host that have to lead there */
  readonly addresses: () => readonly string[];
  /** Why it can't be reached; undefined: it can. Told whenever that changes. */
  readonly onChange: (problem: PortProblem | undefined) => void;
  readonly clock: Clock;
}

/** A host that is away is asked often enough for logs to be there when it is back. */
const again = { baseMs: 1_000, maxMs: 30_000, factor: 2, jitter: 0.2 };
/** What sshd may reach can change while it listens. */
const LOOK_MS = 60_000;
const DIAL_MS = 5_000;
/** Connections at a time; what is behind has limits of its own. */
const MAX_OPEN = 256;

export class PublishedPort {
  readonly #options: PublishedPortOptions;
  readonly #open = new Set<Duplex>();
  #arrived = Promise.withResolvers<undefined>();
  #reported: { readonly problem: PortProblem | undefined } | undefined;

  constructor(options: PublishedPortOptions) {
    this.#options = options;
  }

  /** Until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    try {
      for (let failures = 1; ; failures += 1) {
        try {
          const listener = await this.#listen(signal);
          failures = 0;
          this.#report({ at: 'listening', text: await this.#follow(listener, signal) });
        } catch (error) {
          signal.throwIfAborted();
          this.#report({ at: 'listening', text: messageOf(error) });
        }
        await clock.sleep(backoffMs(again, Math.max(1, failures)), { signal });
      }
    } finally {
      for (const stream of this.#open) stream.destroy();
    }
  }

  #listen(signal: AbortSignal): Promise<HostListener> {
    const { link, port } = this.#options;
    const onConnection = (stream: Duplex): void => {
      this.#take(stream);
    };
    return link.listen(port, { signal, onConnection });
  }

  /** Resolves with why it has ended. */
  async #follow(listener: HostListener, signal: AbortSignal): Promise<string> {
    const { addresses, clock } = this.#options;
    try {
      for (;;) {
        // not before it is known where the host is
        const isKnown = addresses().length > 0;
        if (isKnown) this.#report(await this.#unreachable(listener.advice, signal));
        const due = clock.sleep(isKnown ? LOOK_MS : again.baseMs, { signal }).then(() => undefined);
        const ended = await orAbort(Promise.race([listener.ended, due]), signal);
        if (ended !== undefined) return ended;
      }
    } finally {
      listener.close();
    }
  }

  /** Why an address of the host does not lead here, tried from the host. */
  async #unreachable(advice: string, signal: AbortSignal): Promise<PortProblem | undefined> {
    const { link, port, addresses } = this.#options;
    for (const host of addresses()) {
      this.#arrived = Promise.withResolvers();
      let problem: string | undefined;
      try {
        await withDeadline(signal, DIAL_MS, `a connection to ${hostPort(host, port)}`, async (limit) => {
          const stream = await link.dial({ host, port }, { signal: limit, use: 'probe' });
          stream.on('error', () => undefined);
          await orAbort(this.#arrived.promise, limit).finally(() => stream.destroy());
        });
      } catch (error) {
        signal.throwIfAborted();
        problem = messageOf(error);
      }
      if (problem !== undefined)
        return {
          at: 'reaching',
          text: `${link.name}: ${hostPort(host, port)} does not lead to farlet, though the host listens (${problem}): ${advice}`,
        };
    }
    return undefined;
  }

  #take(stream: Duplex): void {
    this.#arrived.resolve(undefined);
    if (this.#open.size >= MAX_OPEN) {
      stream.on('error', () => undefined).destroy();
      return;
    }
    this.#open.add(stream);
    const near = connect({ ...this.#options.to, allowHalfOpen: true });
    near.once('close', () => {
      this.#open.delete(stream);
    });
    joinStreams(near, stream);
  }

  #report(problem: PortProblem | undefined): void {
    const { onChange } = this.#options;
    if (this.#reported !== undefined && this.#reported.problem?.text === problem?.text) return;
    this.#reported = { problem };
    onChange(problem);
  }
}
