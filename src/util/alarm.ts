/** A sleep that can be woken: one waits for a time, or until somebody has something new for it. */
import { FarletError } from '../model/errors.ts';
import type { Clock } from './clock.ts';
import { shortRound } from './rounds.ts';

export interface Armed {
  /** aborts with the first ring, or with the signal that the alarm was armed with */
  readonly signal: AbortSignal;
  /**
   * Resolves after so many ms, or as soon as it rings: at once if it has rung. Rejects only with the reason
   * of the signal.
   */
  sleep(ms: number): Promise<void>;
}

export class Alarm {
  readonly #clock: Pick<Clock, 'after'>;
  #armed: Sleeper | undefined;

  constructor(clock: Pick<Clock, 'after'>) {
    this.#clock = clock;
  }

  /** Wakes who has armed it last; nobody, if that has slept already. */
  ring(): void {
    this.#armed?.ring();
  }

  /** From here on a ring counts. Armed before the work that comes before a sleep, no news is missed. */
  arm(signal: AbortSignal): Armed {
    this.#armed = new Sleeper(this.#clock, signal);
    return this.#armed;
  }
}

class Sleeper implements Armed {
  readonly #clock: Pick<Clock, 'after'>;
  readonly #life: AbortSignal;
  #hasRung = false;
  #wake: (() => void) | undefined;
  #rung: AbortController | undefined;
  #signal: AbortSignal | undefined;

  constructor(clock: Pick<Clock, 'after'>, life: AbortSignal) {
    this.#clock = clock;
    this.#life = life;
  }

  /** Made when it is asked for: most only sleep, and a signal of two costs more than that. */
  get signal(): AbortSignal {
    if (this.#signal !== undefined) return this.#signal;
    this.#rung = new AbortController();
    if (this.#hasRung) this.#rung.abort(news());
    this.#signal = AbortSignal.any([this.#life, this.#rung.signal]);
    return this.#signal;
  }

  ring(): void {
    this.#hasRung = true;
    this.#rung?.abort(news());
    this.#wake?.();
  }

  async sleep(ms: number): Promise<void> {
    const life = this.#life;
    life.throwIfAborted();
    if (this.#hasRung) return;
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    const end = (): void => {
      reject(life.reason);
    };
    const wake = async (): Promise<void> => {
      await shortRound();
      resolve(undefined);
    };
    this.#wake = () => void wake();
    life.addEventListener('abort', end, { once: true });
    const cancel = this.#clock.after(ms, this.#wake);
    try {
      await promise;
    } finally {
      cancel();
      life.removeEventListener('abort', end);
      this.#wake = undefined;
    }
  }
}

function news(): FarletError {
  return new FarletError('cancelled', 'there is news');
}
