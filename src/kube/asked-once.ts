/**
 * Requests to the API server that strangers can cause: identical ones are shared, few run at a time, and a
 * bounded number waits. Callers beyond that are refused at once.
 */
import { KubeError } from '../model/errors.ts';
import { orAbort } from '../util/abort.ts';
import { Semaphore } from '../util/semaphore.ts';

export interface AskedOnceOptions {
  /** for the refusal: "… are asked already" */
  readonly what: string;
  readonly atOnce: number;
  readonly maxWaiting: number;
  readonly onRefused?: () => void;
}

interface Asked<T> {
  readonly answer: Promise<T>;
  readonly life: AbortController;
  askers: number;
}

export class AskedOnce<T> {
  readonly #options: AskedOnceOptions;
  readonly #semaphore: Semaphore;
  readonly #asked = new Map<string, Asked<T>>();

  constructor(options: AskedOnceOptions) {
    this.#options = options;
    this.#semaphore = new Semaphore(options.atOnce);
  }

  /** how many wait for their turn */
  get waiting(): number {
    return this.#semaphore.queued;
  }

  /**
   * The answer to the question of this key; who leaves takes only the last asker's question along.
   * @throws KubeError `resource-exhausted` (429) when too many wait
   */
  async ask(
    key: string,
    question: (signal: AbortSignal) => Promise<T>,
    { signal }: { signal: AbortSignal },
  ): Promise<T> {
    signal.throwIfAborted();
    const asked = this.#asked.get(key) ?? this.#begin(key, question);
    asked.askers += 1;
    try {
      return await orAbort(asked.answer, signal);
    } finally {
      asked.askers -= 1;
      if (asked.askers === 0) {
        this.#end(key, asked);
        asked.life.abort(new Error('nobody waits for the answer any more'));
      }
    }
  }

  #begin(key: string, question: (signal: AbortSignal) => Promise<T>): Asked<T> {
    const { what, maxWaiting, onRefused } = this.#options;
    if (this.#semaphore.queued >= maxWaiting) {
      onRefused?.();
      throw new KubeError('resource-exhausted', `too many ${what} are asked already: try again later`, {
        status: 429,
        reason: 'TooManyRequests',
        retryAfterMs: 1_000,
      });
    }
    const life = new AbortController();
    const answer = this.#semaphore.run(life.signal, () => question(life.signal));
    const asked: Asked<T> = { answer, life, askers: 0 };
    this.#asked.set(key, asked);
    const over = (): void => {
      this.#end(key, asked);
    };
    answer.then(over, over);
    return asked;
  }

  #end(key: string, asked: Asked<T>): void {
    if (this.#asked.get(key) === asked) this.#asked.delete(key);
  }
}
