/** A watched collection kept by name, reduced to what its users need. */
import type { KubeObject } from '../model/kube.ts';
import type { Log } from '../model/log.ts';
import type { Clock } from '../util/clock.ts';
import type { KubeConnection } from './connect.ts';
import { watchObjects } from './watch.ts';

export interface CollectionOptions<T extends KubeObject> {
  readonly client: KubeConnection;
  readonly clock: Clock;
  readonly log: Log;
  readonly path: string;
  readonly what: string;
  readonly fieldSelector?: string;
  /** drops what nobody reads, so that large clusters cost little memory */
  readonly reduce?: (object: T) => T;
  readonly onChange?: () => void;
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
    const {
      client,
      clock,
      log,
      path,
      what,
      fieldSelector,
      reduce = (object: T) => object,
      onChange,
    } = this.#options;
    await watchObjects<T>(
      {
        client,
        clock,
        log,
        path,
        what,
        ...(fieldSelector === undefined ? {} : { fieldSelector }),
        onEvent: (event) => {
          if (event.type === 'reset') {
            this.#objects.clear();
            for (const object of event.items) this.#objects.set(keyOf(object), reduce(object));
            this.#isSynced = true;
            this.#synced.resolve(undefined);
          } else if (event.type === 'upsert') this.#objects.set(keyOf(event.object), reduce(event.object));
          else this.#objects.delete(keyOf(event.object));
          onChange?.();
        },
      },
      { signal },
    );
  }
}

function keyOf(object: KubeObject): string {
  return `${object.metadata?.namespace ?? ''}/${object.metadata?.name ?? ''}`;
}
