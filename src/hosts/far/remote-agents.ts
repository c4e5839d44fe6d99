/**
 * The agents of one host. An sshd allows ten sessions a connection by default, so there are few agents: quick
 * requests share one, back to back, and so do those that bring much, in one or two of their own; one that may
 * take long has an agent to itself; beyond that requests wait in a queue. One agent is left for quick
 * requests, and what may hang never has more than a third of them: it holds up only its like. An agent that
 * is stuck is given up, killed by another, and what waited behind in it is asked again.
 */
import { HostError, kindOf } from '../../model/errors.ts';
import type { Clock } from '../../util/clock.ts';
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
}

interface Pending {
  readonly steps: readonly RemoteStep[];
  readonly pace: Pace;
  readonly give: (answer: RemoteAnswer) => void;
  readonly fail: (error: unknown) => void;
  readonly started: () => void;
  /** how often it was put behind a request that got stuck */
  moves: number;
}

interface Entry {
  readonly agent: RemoteAgent;
  /** of what it does; quick when it does nothing */
  pace: Pace;
}

const MAX_AGENTS = 6;
const MAX_IN_FLIGHT = 32;
const MAX_QUEUED = 10_000;
/**
 * Agents for what brings much: what one sends is bounded by the window of its channel in a round trip, which
 * ssh2 makes 2 MiB.
 */
const MAX_BULK = 2;
const OPEN_MS = 30_000;
const LIMIT_MS: Readonly<Record<Pace, number>> = {
  quick: 30_000,
  bulk: 60_000,
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
    const { host, clock } = this.#options;
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(reasonOf(signal));
        return;
      }
      if (this.#queue.length >= MAX_QUEUED) {
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

  /**
   * Gives one session back, for what can do with less than a queue: the agent that is idle, if it is not the
   * last.
   */
  shed(): void {
    this.#refusedAt = this.#options.clock.monotonic();
    const idle = [...this.#entries].find(({ agent }) => agent.load === 0);
    if (this.#entries.size > 1) idle?.agent.close();
  }

  close(): void {
    // closes every agent, those that are still being opened among them
    this.#life.abort(new HostError('cancelled', this.#options.host, 'the link is closed'));
    this.#failQueued(this.#life.signal.reason);
  }

  #dispatch(): void {
    // how many would be sent if there were an agent for them; what is bulk shares its own
    let [ready, bulkReady] = [0, 0];
    for (let at = 0; at < this.#queue.length;) {
      const pending = this.#queue[at];
      const held = pending === undefined || this.#isHeld(pending);
      const entry = held ? undefined : this.#placeFor(pending);
      if (held || entry === undefined) {
        if (pending?.pace === 'bulk') bulkReady += 1;
        else ready += held ? 0 : 1;
        at += 1;
        continue;
      }
      this.#queue.splice(at, 1);
      this.#send(entry, pending);
      // there would be work for one more
      if (entry.pace === 'bulk' && entry.agent.load > 1 && this.#shared('bulk').length < this.#maxBulk)
        bulkReady += 1;
    }
    const wanted = ready + Math.min(bulkReady, this.#maxBulk - this.#shared('bulk').length);
    if (wanted > this.#opening && this.#mayOpen()) void this.#openOne();
  }

  #placeFor({ pace }: Pending): Entry | undefined {
    const entries = [...this.#entries];
    const idle = entries.find(({ agent }) => agent.load === 0);
    const [quick, bulk] = [this.#shared('quick'), this.#shared('bulk')];
    if (pace === 'quick') return quick[0] ?? idle ?? (this.#mayOpen() ? undefined : bulk[0]);
    if (pace !== 'bulk') return idle;
    if (bulk.length < this.#maxBulk && idle !== undefined) return idle;
    return bulk[0] ?? (this.#maxBulk > 0 && this.#mayOpen() ? undefined : (quick[0] ?? idle));
  }

  /** Agents with requests of this pace and room for one more, those with the fewest first. */
  #shared(pace: 'quick' | 'bulk'): Entry[] {
    return [...this.#entries]
      .filter((entry) => entry.pace === pace && entry.agent.load > 0 && entry.agent.load < MAX_IN_FLIGHT)
      .sort((a, b) => a.agent.load - b.agent.load);
  }

  /** How many there may be at most, as the host lets it. */
  get #most(): number {
    return this.#mayOpen() ? MAX_AGENTS : this.#entries.size + this.#opening;
  }

  get #maxBulk(): number {
    return Math.min(MAX_BULK, Math.floor(this.#most / 2));
  }

  /** It waits for its like to end, whether or not an agent is idle. */
  #isHeld({ pace }: Pending): boolean {
    if (changesNothing(pace)) return false;
    const paces = [...this.#entries].map((entry) => entry.pace);
    const most = this.#most - paces.filter((each) => each === 'bulk').length;
    const busy = paces.filter((each) => !changesNothing(each));
    if (busy.length >= Math.max(1, most - 1)) return true;
    const alike = busy.filter((each) => each === pace).length;
    return pace !== 'slow' && alike >= Math.max(1, Math.floor(most / 3));
  }

  #send(entry: Entry, pending: Pending): void {
    const { steps, pace, give, started } = pending;
    const { clock, onRequest } = this.#options;
    entry.pace = pace;
    started();
    const sentAt = clock.monotonic();
    const over = (answered: boolean): void => {
      onRequest?.({ pace, seconds: (clock.monotonic() - sentAt) / 1000, answered });
    };
    entry.agent
      .ask(steps, LIMIT_MS[pace])
      .then(
        (answer) => {
          over(true);
          give(answer);
        },
        (error: unknown) => {
          over(false);
          this.#failed(pending, entry.agent, error);
        },
      )
      .finally(() => {
        if (entry.agent.load === 0) entry.pace = 'quick';
        this.#dispatch();
      });
  }

  #failed(pending: Pending, { process }: RemoteAgent, error: unknown): void {
    if (error instanceof NotBegun && pending.moves < MAX_MOVES && !this.#life.signal.aborted) {
      pending.moves += 1;
      this.#queue.push(pending);
      return;
    }
    pending.fail(error);
    if (kindOf(error) !== 'deadline-exceeded' || process === undefined || this.#life.signal.aborted) return;
    const step = { verb: 'reap', args: [process.pid, process.started] };
    this.ask([step], { signal: this.#life.signal, pace: 'quick' }).catch(() => undefined);
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
      const entry: Entry = { agent, pace: 'quick' };
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

/** What the caller does next may overtake it. */
function changesNothing(pace: Pace): boolean {
  return pace === 'quick' || pace === 'bulk';
}

function reasonOf(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason));
}
