/**
 * The agents of one host. An sshd allows ten sessions a connection by default, so there are few agents: quick
 * requests share one, back to back, and so do those that bring much, in one or two of their own; brief
 * changes go behind each other where none is idle, so that they wait for the host and not for the way there;
 * one that may take long has an agent to itself; beyond that requests wait in a queue. One agent is left for
 * quick requests, and what may hang never has more than a third of them: it holds up only its like. An agent
 * that is stuck is given up, killed by another, and what waited behind in it is asked again.
 */
import { HostError, kindOf } from '../../model/errors.ts';
import type { Clock } from '../../util/clock.ts';
import {
  bulkLeft,
  changesNothing,
  MAX_AGENTS,
  placeFor,
  type Crew,
  type Place,
  type Worker,
} from './agent-places.ts';
import { NotBegun, RemoteAgent, type ShellChannel } from './remote-agent.ts';
import type { RemoteAnswer, RemoteStep } from './remote-encoding.ts';
import { remoteCommand } from './remote-program.ts';
import type { Pace, RequestObserver } from '../link/host-request.ts';
import { limitSignal } from '../../util/abort.ts';

/** Starts a command on the host. Rejects with HostError. */
export type OpenShell = (
  command: readonly string[],
  options: { signal: AbortSignal },
) => Promise<ShellChannel>;

export interface RemoteAgentsOptions {
  readonly host: string;
  readonly open: OpenShell;
  readonly clock: Clock;
  readonly onRequest?: RequestObserver | undefined;
  /** requests that may wait for an agent (10,000) */
  readonly maxQueued?: number;
}

/** Whoever answers requests, whichever process does. */
export type Agents = Pick<RemoteAgents, 'ask' | 'shed' | 'close'>;

interface Pending {
  readonly steps: readonly RemoteStep[];
  readonly pace: Pace;
  /** the caller's */
  readonly signal: AbortSignal;
  readonly give: (answer: RemoteAnswer) => void;
  readonly fail: (error: unknown) => void;
  readonly started: () => void;
  /** how often it was put behind a request that got stuck */
  moves: number;
}

class Entry implements Worker {
  readonly agent: RemoteAgent;
  pace: Pace = 'quick';
  movedAt: number;
  /** it is stuck and being killed: whether nothing more is done by it */
  reaped?: Promise<boolean>;

  constructor(agent: RemoteAgent, now: number) {
    this.agent = agent;
    this.movedAt = now;
  }

  get load(): number {
    return this.agent.load;
  }
}

const MAX_QUEUED = 10_000;
const OPEN_MS = 30_000;
const LIMIT_MS: Readonly<Record<Pace, number>> = {
  quick: 30_000,
  bulk: 60_000,
  brief: 120_000,
  risky: 20_000,
  slow: 600_000,
  hangs: 600_000,
};
/** A look that was behind a stuck one so often is as likely stuck itself. */
const MAX_MOVES = 2;
/** A host that refused one more session is not asked again for so long. */
const REFUSED_MS = 60_000;
/** How long a caller that has aborted a change waits for it to end, so that nothing overtakes it. */
const SETTLE_MS = 5_000;

export class RemoteAgents {
  readonly #options: RemoteAgentsOptions;
  readonly #entries = new Set<Entry>();
  readonly #queue: Pending[] = [];
  readonly #life = new AbortController();
  #opening = 0;
  #refusedAt = -Infinity;

  constructor(options: RemoteAgentsOptions) {
    this.#options = options;
  }

  /**
   * One request. An abort of one that is not quick waits for its end for a while, so that what the caller
   * does next comes after it.
   */
  ask(
    steps: readonly RemoteStep[],
    { signal, pace }: { signal: AbortSignal; pace: Pace },
  ): Promise<RemoteAnswer> {
    const { host, clock, maxQueued = MAX_QUEUED } = this.#options;
    return new Promise((resolve, reject) => {
      const over = [signal, this.#life.signal].find(({ aborted }) => aborted);
      if (over !== undefined) {
        reject(reasonOf(over));
        return;
      }
      if (this.#queue.length >= maxQueued) {
        reject(new HostError('resource-exhausted', host, `${host}: too many requests wait for the host`));
        return;
      }
      let sent = false;
      let cancelTimer = (): void => undefined;
      const done = (): void => {
        cancelTimer();
        signal.removeEventListener('abort', abort);
      };
      const pending: Pending = {
        steps,
        pace,
        signal,
        moves: 0,
        started: () => (sent = true),
        give: (answer) => {
          done();
          if (signal.aborted) reject(reasonOf(signal));
          else resolve(answer);
        },
        fail: (error) => {
          done();
          reject(signal.aborted ? reasonOf(signal) : (error as Error));
        },
      };
      const abort = (): void => {
        const at = this.#queue.indexOf(pending);
        if (at >= 0) this.#queue.splice(at, 1);
        if (sent && !changesNothing(pace))
          cancelTimer = clock.after(SETTLE_MS, () => {
            reject(reasonOf(signal));
          });
        else reject(reasonOf(signal));
      };
      signal.addEventListener('abort', abort, { once: true });
      this.#queue.push(pending);
      this.#dispatch();
    });
  }

  /** Opens so many agents before they are needed. */
  prepare(count: number): void {
    while (this.#entries.size + this.#opening < count && this.#mayOpen()) void this.#openOne();
  }

  /**
   * Gives one session back, for what can do with less than a queue: the agent that is idle, if it is not the
   * last.
   */
  shed(): void {
    this.#refusedAt = this.#options.clock.monotonic();
    const idle = [...this.#entries].find(({ load }) => load === 0);
    if (this.#entries.size > 1) idle?.agent.close();
  }

  close(): void {
    // closes every agent, those that are still being opened among them
    this.#life.abort(new HostError('cancelled', this.#options.host, 'the link is closed'));
    this.#failQueued(this.#life.signal.reason);
  }

  #dispatch(): void {
    const [opening, mayOpen] = [this.#opening, this.#mayOpen()];
    const now = this.#options.clock.monotonic();
    // its workers change as they are given something to do; who they are does not meanwhile
    const crew: Crew<Entry> = { workers: [...this.#entries], opening, mayOpen, now };
    // how many would be sent if there were an agent for them; what is bulk shares its own
    let [ready, bulkReady] = [0, 0];
    let mayShare = true;
    // there may be thousands of a pace that has no place
    const without = new Map<Pace, Place<Entry>>();
    for (let at = 0; at < this.#queue.length;) {
      const pending = this.#queue[at];
      if (pending === undefined) break;
      const { pace } = pending;
      const place: Place<Entry> = without.get(pace) ?? placeFor(pace, crew, { mayShare });
      const { worker, wantsMore, isEnough } = place;
      if (wantsMore && pace === 'bulk') bulkReady += 1;
      else if (wantsMore) ready += 1;
      if (worker === undefined) {
        without.set(pace, place);
        mayShare &&= isEnough;
        at += 1;
        continue;
      }
      this.#queue.splice(at, 1);
      this.#send(worker, pending);
    }
    const wanted = ready + Math.min(bulkReady, bulkLeft(crew));
    if (wanted > opening && mayOpen) void this.#openOne();
  }

  #send(entry: Entry, pending: Pending): void {
    const { steps, pace, give, started } = pending;
    const { clock, onRequest } = this.#options;
    entry.pace = pace;
    started();
    const sentAt = clock.monotonic();
    if (entry.load === 0) entry.movedAt = sentAt;
    const over = (answered: boolean): void => {
      onRequest?.({ pace, seconds: (clock.monotonic() - sentAt) / 1000, answered });
    };
    entry.agent
      .ask(steps, LIMIT_MS[pace])
      .then(
        (answer) => {
          entry.movedAt = clock.monotonic();
          over(true);
          give(answer);
        },
        async (error: unknown) => {
          over(false);
          await this.#failed(pending, entry, error);
        },
      )
      .finally(() => {
        if (entry.load === 0) entry.pace = 'quick';
        this.#dispatch();
      });
  }

  /** First told of the request that got stuck, then of those behind it. */
  async #failed(pending: Pending, entry: Entry, error: unknown): Promise<void> {
    if (kindOf(error) === 'deadline-exceeded') entry.reaped = this.#reap(entry.agent);
    if (!(error instanceof NotBegun) || pending.moves >= MAX_MOVES) {
      pending.fail(error);
      return;
    }
    // what is stuck may get loose: what it would then do must not come after what is asked of another
    const isOver = changesNothing(pending.pace) || (await entry.reaped) === true;
    if (!isOver || pending.signal.aborted || this.#life.signal.aborted) {
      pending.fail(error);
      return;
    }
    pending.moves += 1;
    this.#queue.push(pending);
  }

  /** Kills the program on the host; whether it is gone. */
  async #reap({ process }: RemoteAgent): Promise<boolean> {
    if (process === undefined || this.#life.signal.aborted) return false;
    const step = { verb: 'reap', args: [process.pid, process.started] };
    const { signal } = this.#life;
    return await this.ask([step], { signal, pace: 'quick' }).then(
      ({ ok }) => ok,
      () => false,
    );
  }

  #mayOpen(): boolean {
    const { clock } = this.#options;
    const count = this.#entries.size + this.#opening;
    if (this.#life.signal.aborted || count >= MAX_AGENTS) return false;
    return count === 0 || clock.monotonic() - this.#refusedAt > REFUSED_MS;
  }

  async #openOne(): Promise<void> {
    const { host, open, clock } = this.#options;
    this.#opening += 1;
    let failure: unknown;
    try {
      const signal = limitSignal(OPEN_MS, this.#life.signal);
      const channel = await open(remoteCommand, { signal });
      const life = this.#life.signal;
      const end = (): void => {
        agent.close();
      };
      const agent = new RemoteAgent({
        host,
        channel,
        clock,
        onEnd: () => {
          life.removeEventListener('abort', end);
          this.#entries.delete(entry);
        },
      });
      const entry = new Entry(agent, clock.monotonic());
      life.addEventListener('abort', end, { once: true });
      if (life.aborted) end();
      await agent.ready;
      // it may have ended in the same turn as it greeted: nothing would ever take it out again
      if (agent.over) throw new HostError('unavailable', host, `${host}: the remote shell ended`);
      this.#entries.add(entry);
    } catch (error) {
      failure = error;
    }
    this.#opening -= 1;
    if (failure !== undefined) this.#notOpened(failure);
    this.#dispatch();
  }

  /**
   * An agent could not be had. While others live or are being opened, there are no more sessions to be had
   * and those are what is waited for: opening another for each that fails would never end on a link that
   * fails at once.
   */
  #notOpened(failure: unknown): void {
    if (this.#entries.size > 0 || this.#opening > 0) {
      this.#refusedAt = this.#options.clock.monotonic();
      return;
    }
    // none could be had: that says nothing of how many there may be
    this.#refusedAt = -Infinity;
    this.#failQueued(failure);
  }

  #failQueued(error: unknown): void {
    for (const { fail } of this.#queue.splice(0)) fail(error);
  }
}

function reasonOf(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason));
}
