/**
 * ConfigMaps and Secrets by name, as pods on this node refer to them (pkg/kubelet/util/manager, watch based).
 * Each is watched by its name while some pod needs it; nothing is ever listed beyond that.
 */
import { KubeError } from '../model/errors.ts';
import type { ConfigMap, KubeObject, Pod, Secret } from '../model/kube.ts';
import { orAbort, withDeadline } from '../util/abort.ts';
import { podObjectReferences } from './object-references.ts';
import type { ObjectName, ObjectWatches, PodObjectKind, UsedObject } from './object-watches.ts';

interface Used {
  readonly users: Set<string>;
  readonly held: UsedObject;
}

const FIRST_ANSWER_MS = 30_000;

export class PodObjects {
  readonly #watches: ObjectWatches;
  readonly #listeners: ((podUids: readonly string[]) => void)[] = [];
  readonly #used = new Map<string, Used>();
  readonly #keysOf = new Map<string, ReadonlySet<string>>();

  /** `watches`: shared by the nodes of the process */
  constructor(watches: ObjectWatches) {
    this.#watches = watches;
  }

  /** A watched object came, changed or went: told of the pods that refer to it. */
  onChange(listener: (podUids: readonly string[]) => void): void {
    this.#listeners.push(listener);
  }

  /**
   * Watches the objects that the pod refers to, and no longer those that only its former spec did. Repeating
   * it costs nothing.
   */
  register(pod: Pod): void {
    const { uid, namespace } = pod.metadata;
    const { configMaps, secrets } = podObjectReferences(pod);
    const wanted = new Map(
      [
        ...[...configMaps].map((name): ObjectName => ({ kind: 'configmap', namespace, name })),
        ...[...secrets].map((name): ObjectName => ({ kind: 'secret', namespace, name })),
      ].map((which) => [keyOf(which), which]),
    );
    const before = this.#keysOf.get(uid) ?? new Set<string>();
    for (const [key, which] of wanted) if (!before.has(key)) this.#use(key, { which, uid });
    for (const key of before) if (!wanted.has(key)) this.#release(key, uid);
    this.#keysOf.set(uid, new Set(wanted.keys()));
  }

  unregister(uid: string): void {
    for (const key of this.#keysOf.get(uid) ?? []) this.#release(key, uid);
    this.#keysOf.delete(uid);
  }

  /** Nothing is watched for this node's pods any more. */
  close(): void {
    for (const uid of [...this.#keysOf.keys()]) this.unregister(uid);
  }

  /**
   * The ConfigMap as the API server has it; rejects with kind not-found and the kubelet's text if it does not
   * exist.
   */
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
    const held = this.#used.get(keyOf({ kind, namespace, name }))?.held;
    if (held === undefined) {
      throw new KubeError('not-found', `object "${namespace}"/"${name}" not registered`, {
        status: 404,
        reason: 'NotFound',
      });
    }
    await withDeadline(signal, FIRST_ANSWER_MS, `${kind} ${namespace}/${name}`, (limited) =>
      orAbort(held.known, limited),
    );
    const object = held.object();
    if (object !== undefined) return object as T;
    const failure = held.failure();
    if (failure !== undefined) throw failure;
    throw new KubeError('not-found', `${kind} "${name}" not found`, { status: 404, reason: 'NotFound' });
  }

  #use(key: string, { which, uid }: { which: ObjectName; uid: string }): void {
    const existing = this.#used.get(key);
    if (existing !== undefined) {
      existing.users.add(uid);
      return;
    }
    const users = new Set([uid]);
    const held = this.#watches.use(which, () => {
      for (const listener of this.#listeners) listener([...users]);
    });
    this.#used.set(key, { users, held });
  }

  #release(key: string, uid: string): void {
    const used = this.#used.get(key);
    used?.users.delete(uid);
    if (used?.users.size !== 0) return;
    used.held.release();
    this.#used.delete(key);
  }
}

function keyOf({ kind, namespace, name }: ObjectName): string {
  return `${kind}/${namespace}/${name}`;
}
