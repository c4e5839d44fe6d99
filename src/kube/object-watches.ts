/**
 * ConfigMaps and Secrets, each watched by its name while a pod needs it: once for all nodes of the process.
 */
import type { Faults } from '../model/faults.ts';
import type { KubeObject } from '../model/kube.ts';
import type { Log } from '../model/log.ts';
import { childController } from '../util/abort.ts';
import type { Clock } from '../util/clock.ts';
import type { KubeConnection } from './connect.ts';
import { paths } from './paths.ts';
import { watchObjects, type WatchEvent } from './watch.ts';

export type PodObjectKind = 'configmap' | 'secret';

export interface ObjectName {
  readonly kind: PodObjectKind;
  readonly namespace: string;
  readonly name: string;
}

export interface ObjectWatchesOptions {
  readonly client: Pick<KubeConnection, 'get' | 'stream' | 'epoch'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly faults: Faults;
  readonly signal: AbortSignal;
}

/** An object for as long as it is used. */
export interface UsedObject {
  /** resolves once the API server has said whether the object is there, or could not be asked */
  readonly known: Promise<void>;
  /** as the API server has it; undefined: it has none, or has not said yet */
  object(): KubeObject | undefined;
  /** why the API server could not be asked; undefined once it could */
  failure(): Error | undefined;
  release(): void;
}

interface Watched {
  readonly users: Set<() => void>;
  readonly stop: AbortController;
  readonly known: PromiseWithResolvers<undefined>;
  object: KubeObject | undefined;
  failure: Error | undefined;
  /** a change that the users have not been told yet */
  isUnreported: boolean;
}

export class ObjectWatches {
  readonly #options: ObjectWatchesOptions;
  readonly #watched = new Map<string, Watched>();

  constructor(options: ObjectWatchesOptions) {
    this.#options = options;
  }

  /** how many objects are watched or held */
  get size(): number {
    return this.#watched.size;
  }

  /** `onChange`: the object came, changed or went. */
  use(which: ObjectName, onChange: () => void): UsedObject {
    const key = `${which.kind}/${which.namespace}/${which.name}`;
    const watched = this.#watched.get(key) ?? this.#watch(key, which);
    this.#watched.set(key, watched);
    // one and the same function may be given for several objects, and for this one twice
    const user = (): void => {
      onChange();
    };
    watched.users.add(user);
    return {
      known: watched.known.promise.then(() => undefined),
      object: () => watched.object,
      failure: () => watched.failure,
      release: () => {
        watched.users.delete(user);
        if (watched.users.size > 0) return;
        watched.stop.abort(new Error('no pod refers to it any more'));
        if (this.#watched.get(key) === watched) this.#watched.delete(key);
      },
    };
  }

  #watch(key: string, { kind, namespace, name }: ObjectName): Watched {
    const { signal, log, ...rest } = this.#options;
    const watched: Watched = {
      users: new Set(),
      stop: childController(signal),
      known: Promise.withResolvers(),
      object: undefined,
      failure: undefined,
      isUnreported: false,
    };
    watchObjects<KubeObject>(
      {
        ...rest,
        log,
        path: kind === 'secret' ? paths.secrets(namespace) : paths.configMaps(namespace),
        what: key,
        fieldSelector: `metadata.name=${name}`,
        onEvent: (event) => {
          take(watched, event);
        },
        onError: (error) => {
          watched.failure = error instanceof Error ? error : new Error(String(error));
          watched.known.resolve(undefined);
        },
      },
      { signal: watched.stop.signal },
    ).catch((error: unknown) => {
      if (!watched.stop.signal.aborted)
        log.error({ err: error, what: key }, 'object watch ended in an error');
    });
    return watched;
  }
}

function take(watched: Watched, event: WatchEvent<KubeObject>): void {
  const object = event.type === 'reset' ? event.items[0] : event.type === 'upsert' ? event.object : undefined;
  if (object?.metadata?.resourceVersion !== watched.object?.metadata?.resourceVersion)
    watched.isUnreported = true;
  watched.object = object;
  watched.failure = undefined;
  watched.known.resolve(undefined);
  if (watched.isUnreported) for (const onChange of watched.users) onChange();
  watched.isUnreported = false;
  if (isImmutable(object)) watched.stop.abort(new Error('an immutable object needs no watch'));
}

function isImmutable(object: KubeObject | undefined): boolean {
  return object !== undefined && 'immutable' in object && object.immutable === true;
}
