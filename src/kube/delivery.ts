/**
 * Hands a watch's events to their handler. An exception there is the handler's fault, and neither the
 * connection's nor the event's: it is reported, and the failed event is handed over again, with backoff,
 * while the other objects' events go on.
 */
import type { Faults } from '../model/faults.ts';
import { messageOf } from '../model/errors.ts';
import type { KubeObject, ObjectReference } from '../model/kube.ts';
import { backoffMs } from '../util/backoff.ts';
import type { Clock } from '../util/clock.ts';

export type WatchEvent<T> =
  | { readonly type: 'reset'; readonly items: T[] }
  | { readonly type: 'upsert'; readonly object: T }
  | { readonly type: 'delete'; readonly object: T };

export interface DeliveryOptions<T> {
  readonly what: string;
  readonly clock: Clock;
  readonly random?: () => number;
  readonly onEvent: (event: WatchEvent<T>) => void;
  readonly faults: Faults;
}

const retry = { baseMs: 1_000, maxMs: 60_000, factor: 2, jitter: 0.5 };

export class Delivery<T extends KubeObject> {
  readonly #options: DeliveryOptions<T>;
  /** events that were not taken, the newest of each object */
  readonly #left = new Map<string, WatchEvent<T>>();
  /** what there is, by the whole view that was not taken */
  #view: Map<string, T> | undefined;
  #failures = 0;
  #cancel: (() => void) | undefined;

  constructor(options: DeliveryOptions<T>) {
    this.#options = options;
  }

  deliver(event: WatchEvent<T>): void {
    if (event.type === 'reset') {
      this.#left.clear();
      this.#view = this.#isTaken(event)
        ? undefined
        : new Map(event.items.map((object) => [keyOf(object), object]));
    } else {
      const key = keyOf(event.object);
      if (event.type === 'upsert') this.#view?.set(key, event.object);
      else this.#view?.delete(key);
      if (this.#isTaken(event)) this.#left.delete(key);
      else this.#left.set(key, event);
    }
    this.#goOn();
  }

  /** Nothing is handed over any more. */
  end(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#left.clear();
    this.#view = undefined;
  }

  #again(): void {
    this.#cancel = undefined;
    if (this.#view !== undefined && this.#isTaken({ type: 'reset', items: [...this.#view.values()] }))
      this.#view = undefined;
    for (const [key, event] of [...this.#left]) if (this.#isTaken(event)) this.#left.delete(key);
    this.#goOn();
  }

  #goOn(): void {
    const { clock, random } = this.#options;
    if (this.#view === undefined && this.#left.size === 0) {
      this.#cancel?.();
      this.#cancel = undefined;
      this.#failures = 0;
    } else if (this.#cancel === undefined) {
      this.#failures += 1;
      this.#cancel = clock.after(backoffMs(retry, this.#failures, random), () => {
        this.#again();
      });
    }
  }

  #isTaken(event: WatchEvent<T>): boolean {
    const { what, onEvent, faults } = this.#options;
    try {
      onEvent(event);
      return true;
    } catch (error) {
      const { kind, metadata } = event.type === 'reset' ? ({} as KubeObject) : event.object;
      const about =
        kind === 'Pod' && metadata !== undefined ? { apiVersion: 'v1', kind, ...pick(metadata) } : undefined;
      faults.report(
        'watch',
        new Error(`news of ${what} was not taken: ${messageOf(error)}`, { cause: error }),
        about,
      );
      return false;
    }
  }
}

function pick({ name, namespace, uid }: NonNullable<KubeObject['metadata']>): ObjectReference {
  return {
    ...(name === undefined ? {} : { name }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(uid === undefined ? {} : { uid }),
  };
}

function keyOf({ metadata }: KubeObject): string {
  return metadata?.uid ?? `${metadata?.namespace ?? ''}/${metadata?.name ?? ''}`;
}
