import type { Clock } from './clock.ts';
import { shortRound } from './rounds.ts';
import { nextTurn } from './turn.ts';

export interface FewAtOnceOptions {
  readonly few: number;
  /** However many are under way, one more begins whenever so long has passed. */
  readonly patienceMs: number;
  readonly clock: Pick<Clock, 'after' | 'monotonic'>;
}

interface Work {
  readonly run: () => Promise<unknown>;
}

/**
 * Begins works in the order in which they came, few at once: what each of thousands holds while it waits for
 * its answers is then not held by all. Works that hang hold up the others for `patienceMs` each, no longer.
 */
export class FewAtOnce {
  readonly #options: FewAtOnceOptions;
  readonly #waiting = new Set<Work>();
  #running = 0;
  #isTurnDue = false;
  /** monotonic ms, of the last one or of when the others began to wait */
  #begunAt = 0;
  #cancelTimer: (() => void) | undefined;

  constructor(options: FewAtOnceOptions) {
    this.#options = options;
  }

  /**
   * Begins the work when there is room, at once where there is. What it rejects with is its own to tell.
   * @returns takes it back; undefined: it has begun
   */
  begin(run: () => Promise<unknown>): (() => void) | undefined {
    const work: Work = { run };
    if (this.#waiting.size === 0 && this.#running < this.#options.few) {
      this.#start(work);
      return undefined;
    }
    this.#wait(work);
    return () => {
      this.#waiting.delete(work);
      this.#restIfEmpty();
    };
  }

  #wait(work: Work): void {
    this.#waiting.add(work);
    if (this.#cancelTimer !== undefined) return;
    this.#begunAt = this.#options.clock.monotonic();
    this.#arm();
  }

  #start({ run }: Work): void {
    this.#running += 1;
    this.#begunAt = this.#options.clock.monotonic();
    const done = (): void => {
      this.#running -= 1;
      void this.#fill();
    };
    run().then(done, done);
  }

  /** In a turn of its own: works that end at once would else be done without one. */
  async #fill(): Promise<void> {
    if (this.#isTurnDue || this.#waiting.size === 0) return;
    this.#isTurnDue = true;
    await nextTurn();
    this.#isTurnDue = false;
    await this.#startFirst(this.#options.few - this.#running);
  }

  /** Each where the loop has time for it: what they begin with may be much together. */
  async #startFirst(count: number): Promise<void> {
    for (let left = count; left > 0; left -= 1) {
      await shortRound();
      const [work] = this.#waiting;
      if (work === undefined) break;
      this.#waiting.delete(work);
      this.#start(work);
    }
    this.#restIfEmpty();
  }

  #restIfEmpty(): void {
    if (this.#waiting.size > 0) return;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  /** A loop that comes late has missed some: those begin as soon as it has time. */
  #arm(): void {
    const { few, patienceMs, clock } = this.#options;
    this.#cancelTimer = clock.after(patienceMs, () => {
      this.#cancelTimer = undefined;
      const missed = Math.floor((clock.monotonic() - this.#begunAt) / patienceMs);
      void this.#startFirst(Math.min(missed, few));
      if (this.#waiting.size > 0) this.#arm();
    });
  }
}
