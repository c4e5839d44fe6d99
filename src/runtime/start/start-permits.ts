/**
 * Paces the calls by which one host's runtime starts pods, so that a burst of pods does not slow each one of
 * them down.
 *
 * I1. As many calls hold a permit as keep the host at work on `width` of them (start-pace.ts): over a far
 *     link others are on their way. One that lasts too long goes on without it: what hangs holds up no other
 *     pod.
 * I2. Calls of pods that have begun, that is, have a sandbox, go first, else in order of arrival: what was
 *     begun is finished before more is begun. Not without end: some may fail and try again for good.
 * I3. A waiter whose signal aborts leaves at once. Nothing but starts waits here: neither pulls nor volumes
 *     nor stops.
 */
import { reasonOf } from '../../util/abort.ts';
import type { Clock } from '../../util/clock.ts';
import {
  firstWorkMs,
  mayBeUnderWay,
  startCalls,
  startPatienceMs,
  workedOn,
  type StartCall,
} from './start-pace.ts';

export interface StartPermitsOptions {
  readonly clock: Pick<Clock, 'after' | 'monotonic'>;
  /** how many calls the host may work on now */
  readonly width: () => number;
  /** ms to the host and back */
  readonly roundTripMs: () => number;
}

export interface StartTurn {
  readonly call: StartCall;
  readonly signal: AbortSignal;
}

/** the part that the latest call has in what calls like it take */
const LATEST = 0.1;
/** calls of pods that have begun in a row, while a new one waits */
const MOST_IN_A_ROW = 20;

interface Waiter {
  readonly call: StartCall;
  readonly turn: () => void;
}

export class StartPermits {
  readonly #options: StartPermitsOptions;
  readonly #begun: Waiter[] = [];
  readonly #fresh: Waiter[] = [];
  /** how many of those that have begun went before the new one that waits */
  #inARow = 0;
  /** how many of each hold a permit */
  readonly #held: Record<StartCall, number> = { sandbox: 0, create: 0, start: 0 };
  #hanging = 0;
  /** what they take beyond the round trip, the latest most of all */
  readonly #workMs: Record<StartCall, number> = { ...firstWorkMs };

  constructor(options: StartPermitsOptions) {
    this.#options = options;
  }

  /**
   * Does the work once it is its turn. Rejects with the signal's reason if that comes first, else as the work
   * does.
   */
  async run<T>({ call, signal }: StartTurn, work: () => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    await this.#turn(call, signal);
    const release = this.#hold(call);
    const began = this.#options.clock.monotonic();
    try {
      const result = await work();
      this.#took(call, this.#options.clock.monotonic() - began);
      return result;
    } finally {
      release();
    }
  }

  #took(call: StartCall, ms: number): void {
    const workMs = Math.max(0, ms - this.#options.roundTripMs());
    this.#workMs[call] += (workMs - this.#workMs[call]) * LATEST;
  }

  #hasRoom(call: StartCall): boolean {
    const { width, roundTripMs } = this.#options;
    const part = (of: StartCall): number =>
      workedOn({ roundTripMs: roundTripMs(), workMs: this.#workMs[of] });
    const held = startCalls.flatMap((each) => Array<number>(this.#held[each]).fill(part(each)));
    return mayBeUnderWay([...held, part(call)], width());
  }

  #turn(call: StartCall, signal: AbortSignal): Promise<void> {
    const queue = call === 'sandbox' ? this.#fresh : this.#begun;
    return new Promise((resolve, reject) => {
      const turn = (): void => {
        signal.removeEventListener('abort', giveUp);
        resolve();
      };
      const waiter = { call, turn };
      const giveUp = (): void => {
        queue.splice(queue.indexOf(waiter), 1);
        // what is behind it may need less room
        this.#letIn();
        reject(reasonOf(signal));
      };
      signal.addEventListener('abort', giveUp, { once: true });
      queue.push(waiter);
      this.#letIn();
    });
  }

  /** The permit is the caller's until what is returned is called, or until patience is over. */
  #hold(call: StartCall): () => void {
    let isLost = false;
    const cancel = this.#options.clock.after(startPatienceMs(this.#hanging), () => {
      isLost = true;
      this.#hanging += 1;
      this.#free(call);
    });
    return () => {
      cancel();
      if (isLost) this.#hanging -= 1;
      else this.#free(call);
    };
  }

  #free(call: StartCall): void {
    this.#held[call] -= 1;
    this.#letIn();
  }

  /** The next ones, for as many as there is room. */
  #letIn(): void {
    for (;;) {
      const isFreshNext =
        this.#begun.length === 0 || (this.#fresh.length > 0 && this.#inARow >= MOST_IN_A_ROW);
      const queue = isFreshNext ? this.#fresh : this.#begun;
      const [next] = queue;
      if (next === undefined || !this.#hasRoom(next.call)) return;
      queue.shift();
      this.#inARow = isFreshNext || this.#fresh.length === 0 ? 0 : this.#inARow + 1;
      this.#held[next.call] += 1;
      next.turn();
    }
  }
}
