/**
 * Paces the calls by which one host's runtime starts pods, so that a burst of pods does not slow each one of
 * them down.
 *
 * I1. At most `width` calls hold a permit, and as many more as are on their way to the host and back while
 *     those are worked on. One that lasts too long (start-pace.ts) goes on without it: what hangs holds up
 *     no other pod.
 * I2. Calls of pods that have begun go first, else in order of arrival: what was begun is finished before
 *     more is begun.
 * I3. A waiter whose signal aborts leaves at once. Nothing but starts waits here: neither pulls nor volumes
 *     nor stops.
 */
import { reasonOf } from '../../util/abort.ts';
import type { Clock } from '../../util/clock.ts';
import { startPatienceMs, stretchedWidth } from './start-pace.ts';

export interface StartPermitsOptions {
  readonly clock: Pick<Clock, 'after' | 'monotonic'>;
  /** how many calls the host may work on now */
  readonly width: () => number;
  /** ms to the host and back */
  readonly roundTripMs: () => number;
}

export interface StartTurn {
  /** the pod has got something from the runtime in this sync already */
  readonly hasBegun: boolean;
  readonly signal: AbortSignal;
}

const FIRST_WORK_MS = 50;
/** the part that the latest call has in what calls take */
const LATEST = 0.1;

export class StartPermits {
  readonly #options: StartPermitsOptions;
  readonly #begun: (() => void)[] = [];
  readonly #fresh: (() => void)[] = [];
  #held = 0;
  #hanging = 0;
  /** what calls take beyond the round trip, the latest most of all */
  #workMs = FIRST_WORK_MS;

  constructor(options: StartPermitsOptions) {
    this.#options = options;
  }

  /**
   * Does the work once it is its turn. Rejects with the signal's reason if that comes first, else as the work
   * does.
   */
  async run<T>({ hasBegun, signal }: StartTurn, work: () => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    if (this.#held < this.#width()) this.#held += 1;
    else await this.#turn(hasBegun ? this.#begun : this.#fresh, signal);
    const release = this.#hold();
    const began = this.#options.clock.monotonic();
    try {
      const result = await work();
      this.#took(this.#options.clock.monotonic() - began);
      return result;
    } finally {
      release();
    }
  }

  #took(ms: number): void {
    this.#workMs += (Math.max(0, ms - this.#options.roundTripMs()) - this.#workMs) * LATEST;
  }

  #width(): number {
    const { width, roundTripMs } = this.#options;
    return stretchedWidth(width(), { roundTripMs: roundTripMs(), workMs: this.#workMs });
  }

  #turn(queue: (() => void)[], signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const turn = (): void => {
        signal.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = (): void => {
        queue.splice(queue.indexOf(turn), 1);
        reject(reasonOf(signal));
      };
      signal.addEventListener('abort', giveUp, { once: true });
      queue.push(turn);
    });
  }

  /** The permit is the caller's until what is returned is called, or until patience is over. */
  #hold(): () => void {
    let isLost = false;
    const cancel = this.#options.clock.after(startPatienceMs(this.#hanging), () => {
      isLost = true;
      this.#hanging += 1;
      this.#next();
    });
    return () => {
      cancel();
      if (isLost) this.#hanging -= 1;
      else this.#next();
    };
  }

  /** A permit is free: the next caller gets it, and more of them where the width has grown. */
  #next(): void {
    this.#held -= 1;
    while (this.#held < this.#width()) {
      const turn = this.#begun.shift() ?? this.#fresh.shift();
      if (turn === undefined) return;
      this.#held += 1;
      turn();
    }
  }
}
