/**
 * The mirrors of static pods on the API server (pkg/kubelet/pod/mirror_client.go, kubelet.go
 * tryReconcileMirrorPods).
 *
 * I1. A static pod never waits for its mirror: what is to be done for a mirror is done beside the pod's
 *     steps.
 * I2. A mirror that is of another manifest, or is being deleted, goes at once and comes again.
 */
import { KubeError, kindOf } from '../model/errors.ts';
import type { KubeNode, Pod } from '../model/kube.ts';
import { annotations } from '../model/labels.ts';
import type { Log } from '../model/log.ts';
import { podFields } from '../model/pod-ref.ts';
import { podFullName } from '../model/pod-source.ts';
import type { PodChange } from '../model/pod-update.ts';
import type { KubeClient } from './client.ts';
import { paths } from './paths.ts';
import { isRefusedWrite, stillThere } from './still-there.ts';

export interface MirrorPodsOptions {
  readonly client: Pick<KubeClient, 'create' | 'delete' | 'get'>;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** the Node as the API server has it; undefined while it is not registered */
  readonly node: () => KubeNode | undefined;
  /** the mirror of a static pod could not be made or replaced: its pod should be looked at again */
  readonly onFailed: (fullName: string) => void;
}

export type MirrorStep = 'keep' | 'create' | 'replace' | 'wait';

/** What a static pod's mirror needs. Pure. */
export function mirrorStep(pod: Pod, mirror: Pod | undefined, node: KubeNode | undefined): MirrorStep {
  // mirrors belong to the Node: without it, or with one that is going, none may be made
  if (node?.metadata.uid === undefined || node.metadata.deletionTimestamp !== undefined) return 'wait';
  if (mirror === undefined) return 'create';
  const isKept = isMirrorOf(pod, mirror) && mirror.metadata.deletionTimestamp === undefined;
  return isKept ? 'keep' : 'replace';
}

/**
 * Whether the mirror shows this manifest, not a former one of the same name (mirror_client.go IsMirrorPodOf).
 * Pure.
 */
export function isMirrorOf(pod: Pod, mirror: Pod): boolean {
  return (
    mirror.metadata.annotations?.[annotations.configMirror] ===
    pod.metadata.annotations?.[annotations.configHash]
  );
}

/** The mirror of a static pod on a node with this name and UID. Pure. */
export function mirrorOf(pod: Pod, node: { name: string; uid: string }): object {
  const { uid: _uid, ...metadata } = pod.metadata;
  const owner = { apiVersion: 'v1', kind: 'Node', name: node.name, uid: node.uid, controller: true };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...metadata,
      annotations: {
        ...metadata.annotations,
        [annotations.configMirror]: metadata.annotations?.[annotations.configHash] ?? '',
      },
      ownerReferences: [owner],
    },
    spec: pod.spec,
  };
}

export class MirrorPods {
  readonly #options: MirrorPodsOptions;
  /** as the watch last told, by full name */
  readonly #mirrors = new Map<string, Pod>();
  readonly #busy = new Set<string>();

  constructor(options: MirrorPodsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#mirrors.size;
  }

  get(fullName: string): Pod | undefined {
    return this.#mirrors.get(fullName);
  }

  /** What the watch tells of a mirror. */
  observed({ kind, pod }: PodChange): void {
    const name = podFullName(pod);
    if (kind !== 'remove') this.#mirrors.set(name, pod);
    else if (this.#mirrors.get(name)?.metadata.uid === pod.metadata.uid) this.#mirrors.delete(name);
  }

  /** Sees to the mirror of a static pod. Returns at once; one thing at a time is done for a name. */
  ensure(pod: Pod): void {
    const { node, log, onFailed } = this.#options;
    const owner = node();
    const step = mirrorStep(pod, this.get(podFullName(pod)), owner);
    if (step === 'keep' || step === 'wait' || owner?.metadata.uid === undefined) return;
    const { name, uid } = { name: owner.metadata.name, uid: owner.metadata.uid };
    this.#beside(podFullName(pod), async () => {
      const old = this.get(podFullName(pod));
      if (step === 'replace' && old !== undefined) await this.#delete(old);
      await this.#create(pod, { name, uid });
      log.info(podFields(pod.metadata), 'mirror pod created');
    }).catch((error: unknown) => {
      if (this.#options.signal.aborted) return;
      log.warn({ ...podFields(pod.metadata), err: error }, 'mirror pod not created');
      onFailed(podFullName(pod));
    });
  }

  /** Deletes mirrors whose static pod is neither wanted nor still stopping. */
  collect(isWanted: (fullName: string) => boolean): void {
    const { log, signal } = this.#options;
    for (const [name, mirror] of this.#mirrors) {
      if (isWanted(name)) continue;
      this.#beside(name, () => this.#delete(mirror)).catch((error: unknown) => {
        if (!signal.aborted)
          log.warn({ ...podFields(mirror.metadata), err: error }, 'mirror pod not deleted');
      });
    }
  }

  async #beside(fullName: string, work: () => Promise<void>): Promise<void> {
    if (this.#busy.has(fullName)) return;
    this.#busy.add(fullName);
    try {
      await work();
    } finally {
      this.#busy.delete(fullName);
    }
  }

  async #create(pod: Pod, node: { name: string; uid: string }): Promise<void> {
    const { client, signal } = this.#options;
    const { namespace, name } = pod.metadata;
    try {
      this.#keep(await client.create<Pod>(paths.podsIn(namespace), mirrorOf(pod, node), { signal }));
    } catch (error) {
      if (kindOf(error) !== 'already-exists') throw error;
      const existing = await client.get<Pod>(paths.pod(namespace, name), { signal });
      if (mirrorStep(pod, existing, { metadata: { name: node.name, uid: node.uid } }) === 'keep') return;
      throw new KubeError('conflict', `a pod of the name ${name} is in the way in namespace ${namespace}`, {
        status: 409,
        reason: 'AlreadyExists',
      });
    }
  }

  /** Sooner than the watch tells, so that nobody makes it twice. */
  #keep(mirror: Pod): void {
    this.#mirrors.set(podFullName(mirror), mirror);
  }

  async #delete(mirror: Pod): Promise<void> {
    const { client, log, signal } = this.#options;
    const { namespace, name, uid } = mirror.metadata;
    try {
      await client.delete(
        paths.pod(namespace, name),
        { apiVersion: 'v1', kind: 'DeleteOptions', gracePeriodSeconds: 0, preconditions: { uid } },
        { signal },
      );
      log.info(podFields(mirror.metadata), 'mirror pod deleted');
    } catch (error) {
      const path = paths.pod(namespace, name);
      if (!isRefusedWrite(error) || (await stillThere(client, error, { path, uid, signal })) !== undefined)
        throw error;
    }
    if (this.get(podFullName(mirror))?.metadata.uid === uid) this.#mirrors.delete(podFullName(mirror));
  }
}
