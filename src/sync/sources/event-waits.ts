/** Those who wait until the runtime's events have told of what they did themselves. */
import type { Clock } from '../../util/clock.ts';

interface Wait {
  readonly isTold: () => boolean;
  readonly end: (told: boolean) => void;
}

export class EventWaits {
  readonly #clock: Pick<Clock, 'after'>;
  readonly #waits = new Map<string, Set<Wait>>();

  constructor(clock: Pick<Clock, 'after'>) {
    this.#clock = clock;
  }

  /** Resolves with true once events of the pod make `isTold` true; false after so many ms, or an abort. */
  until(
    uid: string,
    isTold: () => boolean,
    { ms, signal }: { ms: number; signal: AbortSignal },
  ): Promise<boolean> {
    if (signal.aborted) return Promise.resolve(false);
    return new Promise((resolve) => {
      const waits = this.#waits.get(uid) ?? new Set();
      const wait: Wait = {
        isTold,
        end: (told) => {
          cancelTimer();
          signal.removeEventListener('abort', give);
          waits.delete(wait);
          if (waits.size === 0) this.#waits.delete(uid);
          resolve(told);
        },
      };
      const give = (): void => {
        wait.end(false);
      };
      const cancelTimer = this.#clock.after(ms, give);
      signal.addEventListener('abort', give, { once: true });
      this.#waits.set(uid, waits.add(wait));
    });
  }

  /** Something was told of the pod. */
  told(uid: string): void {
    for (const wait of [...(this.#waits.get(uid) ?? [])]) if (wait.isTold()) wait.end(true);
  }

  /** Nothing will be told: the events have ended. */
  ended(): void {
    for (const waits of [...this.#waits.values()]) for (const wait of [...waits]) wait.end(false);
  }
}
