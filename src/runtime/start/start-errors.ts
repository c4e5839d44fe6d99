import type { StepError, SyncStep } from '../spec/steps.ts';
import { lru } from '../../util/lru.ts';

const maxEntries = 1000;

/**
 * Why containers could not be started the last time, which is what their status shows while they wait
 * (pkg/kubelet/reason_cache.go). Bounded: the least used of more than 1000 is forgotten.
 */
export class StartErrors {
  readonly #entries = lru<StepError>(maxEntries);

  get(uid: string, container: string): StepError | undefined {
    return this.#entries.get(key(uid, container));
  }

  set(uid: string, container: string, error: StepError): void {
    this.#entries.set(key(uid, container), error);
  }

  clear(uid: string, container: string): void {
    this.#entries.delete(key(uid, container));
  }

  /** Takes over what a sync's starts came to; containers it did not try to start keep what they had. */
  update(uid: string, steps: readonly SyncStep[]): void {
    for (const { action, target, error } of steps) {
      if (action !== 'start-container') continue;
      if (error === undefined) this.clear(uid, target);
      else this.set(uid, target, error);
    }
  }
}

function key(uid: string, container: string): string {
  return `${uid}/${container}`;
}
