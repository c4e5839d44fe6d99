/**
 * ConfigMaps and Secrets by name, as pods on this node refer to them (pkg/kubelet/util/manager, watch based). Each
 * is watched by its name while some pod needs it; nothing is ever listed beyond that.
 */
import { KubeError } from '../model/errors.ts';
import type { ConfigMap, KubeObject, Pod, Secret } from '../model/kube.ts';
import type { Log } from '../model/log.ts';
import { childController, orAbort, withDeadline } from '../util/abort.ts';
import type { Clock } from '../util/clock.ts';
import type { KubeConnection } from './connect.ts';
import { podObjectReferences } from './object-references.ts';
import { paths } from './paths.ts';
import { watchObjects } from './watch.ts';

export type PodObjectKind = 'configmap' | 'secret';

export interface PodObjectsOptions {
  readonly client: KubeConnection;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** a watched object came, changed or went; the pods that refer to it */
  readonly onChange: (podUids: readonly string[]) => void;
}

interface Watched {
  readonly users: Set<string>;
  readonly stop: AbortController;
  /** resolves once the API server has said whether the object is there */
  readonly known: Promise<void>;
  object: KubeObject | undefined;
  failure: Error | undefined;
}

const FIRST_ANSWER_MS = 30_000;

export class PodObjects {
  readonly #options: PodObjectsOptions;
  readonly #watched = new Map<string, Watched>();
  readonly #keysOf = new Map<string, Set<string>>();

  constructor(options: PodObjectsOptions) {
    this.#options = options;
  }

  /** Watches what the pod refers to, and no longer what only its former spec did. Calling it again costs nothing. */
  register(pod: Pod): void {
    const { uid, namespace } = pod.metadata;
    const { configMaps, secrets } = podObjectReferences(pod);
    const keys = new Set([
      ...[...configMaps].map((name) => keyOf('configmap', namespace, name)),
      ...[...secrets].map((name) => keyOf('secret', namespace, name)),
    ]);
    const before = this.#keysOf.get(uid) ?? new Set<string>();
    for (const key of keys) if (!before.has(key)) this.#use(key, uid);
    for (const key of before) if (!keys.has(key)) this.#release(key, uid);
    this.#keysOf.set(uid, keys);
  }

  unregister(uid: string): void {
    for (const key of this.#keysOf.get(uid) ?? []) this.#release(key, uid);
    this.#keysOf.delete(uid);
  }

  /** The ConfigMap as the API server has it; rejects with kind not-found and the kubelet's text if there is none. */
  configMap(namespace: string, name: string, options: { signal: AbortSignal }): Promise<ConfigMap> {
    return this.#read<ConfigMap>('configmap', { namespace, name }, options);
  }

  secret(namespace: string, name: string, options: { signal: AbortSignal }): Promise<Secret> {
    return this.#read<Secret>('secret', { namespace, name }, options);
  }

  async #read<T extends KubeObject>(
    kind: PodObjectKind,
    { namespace, name }: { namespace: string; name: string },
    { signal }: { signal: AbortSignal },
  ): Promise<T> {
    const watched = this.#watched.get(keyOf(kind, namespace, name));
    if (watched === undefined) {
      throw new KubeError('not-found', `object "${namespace}"/"${name}" not registered`, {
        status: 404,
        reason: 'NotFound',
      });
    }
    await withDeadline(signal, FIRST_ANSWER_MS, `${kind} ${namespace}/${name}`, (limited) =>
      orAbort(watched.known, limited),
    );
    if (watched.object !== undefined) return watched.object as T;
    if (watched.failure !== undefined) throw watched.failure;
    throw new KubeError('not-found', `${kind} "${name}" not found`, { status: 404, reason: 'NotFound' });
  }

  #use(key: string, uid: string): void {
    const existing = this.#watched.get(key);
    if (existing !== undefined) existing.users.add(uid);
    else this.#watched.set(key, this.#watch(key, uid));
  }

  #release(key: string, uid: string): void {
    const watched = this.#watched.get(key);
    watched?.users.delete(uid);
    if (watched?.users.size !== 0) return;
    watched.stop.abort(new Error('no pod refers to it any more'));
    this.#watched.delete(key);
  }

  #watch(key: string, uid: string): Watched {
    const { client, clock, log, signal, onChange } = this.#options;
    const [kind = '', namespace = '', name = ''] = key.split('/');
    const path = kind === 'secret' ? paths.secrets(namespace) : paths.configMaps(namespace);
    let tellKnown: () => void = () => undefined;
    const watched: Watched = {
      users: new Set([uid]),
      stop: childController(signal),
      known: new Promise((resolve) => (tellKnown = resolve)),
      object: undefined,
      failure: undefined,
    };
    const take = (object: KubeObject | undefined): void => {
      const changed = object?.metadata?.resourceVersion !== watched.object?.metadata?.resourceVersion;
      watched.object = object;
      watched.failure = undefined;
      tellKnown();
      if (changed) onChange([...watched.users]);
      if (isImmutable(object)) watched.stop.abort(new Error('an immutable object needs no watch'));
    };
    watchObjects<KubeObject>(
      {
        client,
        clock,
        log,
        path,
        what: key,
        fieldSelector: `metadata.name=${name}`,
        onEvent: (event) => {
          if (event.type === 'reset') take(event.items[0]);
          else take(event.type === 'upsert' ? event.object : undefined);
        },
        onError: (error) => {
          watched.failure = error instanceof Error ? error : new Error(String(error));
          tellKnown();
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

function keyOf(kind: PodObjectKind, namespace: string, name: string): string {
  return `${kind}/${namespace}/${name}`;
}

function isImmutable(object: KubeObject | undefined): boolean {
  return object !== undefined && 'immutable' in object && object.immutable === true;
}
