/** A sleep that can be woken: one waits for a time, or until somebody has something new for it. */
import { FarletError } from '../model/errors.ts';
import type { Clock } from './clock.ts';

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
  readonly #clock: Pick<Clock, 'sleep'>;
  #armed: AbortController | undefined;

  constructor(clock: Pick<Clock, 'sleep'>) {
    this.#clock = clock;
  }

  /** Wakes who has armed it last; nobody, if that has slept already. */
  ring(): void {
    this.#armed?.abort(new FarletError('cancelled', 'there is news'));
  }

  /** From here on a ring counts. Armed before the work that comes before a sleep, no news is missed. */
  arm(signal: AbortSignal): Armed {
    const rung = new AbortController();
    this.#armed = rung;
    const either = AbortSignal.any([signal, rung.signal]);
    return {
      signal: either,
      sleep: async (ms) => {
        signal.throwIfAborted();
        if (rung.signal.aborted) return;
        await this.#clock.sleep(ms, { signal: either }).catch(() => {
          signal.throwIfAborted();
        });
      },
    };
  }
}
