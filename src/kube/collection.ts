/** A watched collection kept by name, reduced to what its users need. */
import type { Faults } from '../model/faults.ts';
import type { KubeObject } from '../model/kube.ts';
import type { Log } from '../model/log.ts';
import type { Clock } from '../util/clock.ts';
import type { KubeConnection } from './connect.ts';
import { watchObjects, type WatchEvent } from './watch.ts';

export interface CollectionOptions<T extends KubeObject> {
  readonly client: Pick<KubeConnection, 'get' | 'stream' | 'epoch'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly faults: Faults;
  readonly path: string;
  readonly what: string;
  readonly fieldSelector?: string;
  /** drops what nobody reads, so that large clusters cost little memory */
  readonly reduce?: (object: T) => T;
}

export class Collection<T extends KubeObject> {
  readonly #options: CollectionOptions<T>;
  readonly #objects = new Map<string, T>();
  readonly #synced = Promise.withResolvers<undefined>();
  #isSynced = false;

  constructor(options: CollectionOptions<T>) {
    this.#options = options;
  }

  /** Resolves when the collection has been listed once. */
  get synced(): Promise<unknown> {
    return this.#synced.promise;
  }

  get isSynced(): boolean {
    return this.#isSynced;
  }

  get(name: string, namespace = ''): T | undefined {
    return this.#objects.get(`${namespace}/${name}`);
  }

  all(): T[] {
    return [...this.#objects.values()];
  }

  async run(signal: AbortSignal): Promise<void> {
    const { reduce: _reduce, ...rest } = this.#options;
    await watchObjects<T>(
      {
        ...rest,
        onEvent: (event) => {
          this.#take(event);
        },
      },
      { signal },
    );
  }

  /** Nothing changes where one of the objects can't be reduced: the view before is older, and whole. */
  #take(event: WatchEvent<T>): void {
    const { reduce = (object: T) => object } = this.#options;
    if (event.type === 'reset') {
      const all = event.items.map((object) => [keyOf(object), reduce(object)] as const);
      this.#objects.clear();
      for (const [key, object] of all) this.#objects.set(key, object);
      this.#isSynced = true;
      this.#synced.resolve(undefined);
    } else if (event.type === 'upsert') this.#objects.set(keyOf(event.object), reduce(event.object));
    else this.#objects.delete(keyOf(event.object));
  }
}

function keyOf(object: KubeObject): string {
  return `${object.metadata?.namespace ?? ''}/${object.metadata?.name ?? ''}`;
}
