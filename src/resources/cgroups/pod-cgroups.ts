/**
 * The control groups of a node's pods on its host (pkg/kubelet/cm: node_container_manager_linux.go,
 * qos_container_manager_linux.go, pod_container_manager_linux.go).
 *
 * I1. A pod's group has its limits before any of its containers is started: making it is one batch, sent
 *     while the pod's volumes are being made ready.
 * I2. A group is removed only when it is empty, and an unknown one only after it was seen in two rounds:
 *     another node may just be making it.
 */
import type { CgroupDriver } from '../../hosts/cri/cgroup-driver.ts';
import type { FileOp, HostFiles } from '../../hosts/link/link.ts';
import { kindOf, messageOf } from '../../model/errors.ts';
import type { EventRecorder } from '../../model/events.ts';
import type { ObjectReference, Pod } from '../../model/kube.ts';
import type { Log } from '../../model/log.ts';
import type { QosClass } from '../../model/pod-qos.ts';
import type { Clock } from '../../util/clock.ts';
import { readCgroupLayout, cgroupMount } from './cgroup-layout.ts';
import {
  cgroupPath,
  nodeCgroup,
  podCgroup,
  podCgroupPart,
  podOfFolder,
  qosCgroup,
  type CgroupName,
} from './cgroup-name.ts';
import { createCgroup, removeCgroup, updateCgroup, type CgroupPlace } from './cgroup-ops.ts';
import { podLimits, type CgroupLimits, type CpuEnforcement } from './pod-limits.ts';
import { QosCgroups } from './qos-cgroups.ts';
import { readLimits, type CurrentLimits } from './read-limits.ts';

export type CgroupOperation = 'create' | 'update' | 'destroy';

export interface PodCgroupsOptions {
  readonly files: HostFiles;
  /** false: nothing is made, and the runtime places pods where it likes */
  readonly enabled: boolean;
  readonly cgroupRoot: string;
  /** what the runtime uses; asked once */
  readonly driver: (options: { signal: AbortSignal }) => Promise<CgroupDriver>;
  readonly cpu: CpuEnforcement;
  /** a pod with CPUs of its own may use them to the full */
  readonly hasExclusiveCpus: (pod: Pod) => boolean;
  /** 0 or less: no limit */
  readonly podPidsLimit: number;
  readonly hugePageSizes: () => readonly number[];
  /** what all pods together may use */
  readonly nodeLimits: () => CgroupLimits;
  /** pods that hold resources of the node */
  readonly active: () => readonly Pod[];
  /** resolves when the host is ready; `again`: when it is ready again */
  readonly hostReady: (options: { again: boolean; signal: AbortSignal }) => Promise<void>;
  readonly node: ObjectReference;
  readonly events: EventRecorder;
  /** one batch of changes has been sent, whether it succeeded or not */
  readonly onDone?: (operation: CgroupOperation, seconds: number) => void;
  readonly clock: Pick<Clock, 'sleep' | 'monotonic'>;
  readonly log: Log;
}

/** Paths from the hierarchy's root. */
export interface PodGroupPlaces {
  readonly pathOf: (pod: Pod) => string | undefined;
  readonly above: readonly string[];
}

const RETRY_MS = 60_000;
const classes: readonly QosClass[] = ['Guaranteed', 'Burstable', 'BestEffort'];

export class PodCgroups {
  readonly #options: PodCgroupsOptions;
  readonly #root: CgroupName;
  readonly #classes: QosCgroups;
  #place: CgroupPlace | undefined;
  #suspects = new Set<string>();

  constructor(options: PodCgroupsOptions) {
    this.#options = options;
    this.#root = nodeCgroup(options.cgroupRoot);
    this.#classes = new QosCgroups({ root: this.#root, active: options.active });
  }

  /** Makes the groups above the pods', as often as the host comes back, and says whether that worked. */
  async run(signal: AbortSignal): Promise<void> {
    const { enabled, hostReady, node, events, clock, log } = this.#options;
    if (!enabled) return;
    let logged = '';
    let made = false;
    while (!signal.aborted) {
      await hostReady({ again: made, signal });
      try {
        await this.#makeNode(signal);
        events.event(node, 'NodeAllocatableEnforced', 'Updated Node Allocatable limit across pods');
        made = true;
      } catch (error) {
        signal.throwIfAborted();
        made = false;
        const name = `[${this.#root.map((part) => `"${part}"`).join(' ')}]`;
        const message = `Failed to update Node Allocatable Limits ${name}: ${messageOf(error)}`;
        events.event(node, 'FailedNodeAllocatableEnforcement', message);
        if (logged !== message)
          log.warn({ err: error }, 'cgroups of the node not made: set cgroupsPerQOS: false to do without');
        logged = message;
        await clock.sleep(RETRY_MS, { signal });
      }
    }
  }

  /** What the runtime is told; undefined where it is to decide itself. Known once `prepare` has resolved. */
  parent(pod: Pod): string | undefined {
    if (!this.#options.enabled || this.#place === undefined) return undefined;
    return cgroupPath(podCgroup(this.#root, pod), this.#place.driver);
  }

  /** Where the groups of pods are, and those above them, that of all pods first. */
  async places({ signal }: { signal: AbortSignal }): Promise<PodGroupPlaces> {
    if (!this.#options.enabled) return { pathOf: () => undefined, above: [] };
    const { driver } = await this.#where(signal);
    return {
      pathOf: this.parent.bind(this),
      above: classes.map((qos) => cgroupPath(qosCgroup(this.#root, qos), driver)),
    };
  }

  /** Before containers are made; `create` where the pod is to have a new sandbox. */
  async prepare(pod: Pod, { create, signal }: { create: boolean; signal: AbortSignal }): Promise<void> {
    if (!this.#options.enabled) return;
    const place = await this.#where(signal);
    if (!create) return;
    const own = createCgroup(podCgroup(this.#root, pod), this.#podLimits(pod), place);
    await this.#classes.write(own, place, (ops) => this.#apply('create', ops, signal));
  }

  /** What the pod's group has now; undefined where farlet keeps none. */
  async read(pod: Pod, { signal }: { signal: AbortSignal }): Promise<CurrentLimits | undefined> {
    if (!this.#options.enabled) return undefined;
    const place = await this.#where(signal);
    return readLimits(this.#options.files, { name: podCgroup(this.#root, pod), place }, { signal });
  }

  /** What the pod's group should have. */
  wanted(pod: Pod): CgroupLimits {
    return this.#podLimits(pod);
  }

  /** Changes limits of the pod's group, and of its class along with it. */
  async update(pod: Pod, limits: CgroupLimits, { signal }: { signal: AbortSignal }): Promise<void> {
    if (!this.#options.enabled) return;
    const place = await this.#where(signal);
    const own = updateCgroup(podCgroup(this.#root, pod), limits, place);
    await this.#classes.write(own, place, (ops) => this.#apply('update', ops, signal));
  }

  /** The pod holds nothing any more. Rejects with kind `conflict` while something still runs in its group. */
  async remove(pod: Pod, { signal }: { signal: AbortSignal }): Promise<void> {
    if (!this.#options.enabled) return;
    const place = await this.#where(signal);
    await this.#apply('destroy', removeCgroup(podCgroup(this.#root, pod), place, { kill: true }), signal);
  }

  /**
   * Removes what was left behind of pods that nobody knows, and gives the classes what is theirs by now.
   * Costs one list a class.
   */
  async sweep(isForgettable: (uid: string) => boolean, { signal }: { signal: AbortSignal }): Promise<void> {
    const { enabled, log } = this.#options;
    if (!enabled) return;
    const place = await this.#where(signal);
    const found = await Promise.all(classes.map((qos) => this.#podsOf(qos, place, signal)));
    const orphans = found.flat().filter(({ uid }) => isForgettable(uid));
    for (const { uid, qos } of orphans.filter((each) => this.#suspects.has(each.uid))) {
      const name = [...qosCgroup(this.#root, qos), podCgroupPart(uid)];
      try {
        await this.#apply('destroy', removeCgroup(name, place), signal);
      } catch (error) {
        signal.throwIfAborted();
        // still in use: then it is not ours to take away
        if (kindOf(error) !== 'conflict') log.warn({ err: error, uid }, 'cgroup of a pod not removed');
      }
    }
    this.#suspects = new Set(orphans.map(({ uid }) => uid));
    await this.#classes.refresh(place, (ops) => this.#apply('update', ops, signal));
  }

  async #makeNode(signal: AbortSignal): Promise<void> {
    const place = await this.#where(signal);
    this.#classes.forget();
    const all = createCgroup(this.#root, this.#options.nodeLimits(), place);
    await this.#classes.write(all, place, (ops) => this.#apply('create', ops, signal));
  }

  async #apply(operation: CgroupOperation, ops: readonly FileOp[], signal: AbortSignal): Promise<void> {
    const { files, clock, onDone } = this.#options;
    const began = clock.monotonic();
    try {
      await files.apply(ops, { signal });
    } finally {
      onDone?.(operation, (clock.monotonic() - began) / 1000);
    }
  }

  #podLimits(pod: Pod): CgroupLimits {
    const { cpu, hasExclusiveCpus, podPidsLimit } = this.#options;
    const enforced = hasExclusiveCpus(pod) ? { ...cpu, cpuCFSQuota: false } : cpu;
    return { ...podLimits(pod, enforced), ...(podPidsLimit > 0 ? { pids: podPidsLimit } : {}) };
  }

  async #podsOf(
    qos: QosClass,
    { layout, driver }: CgroupPlace,
    signal: AbortSignal,
  ): Promise<{ uid: string; qos: QosClass }[]> {
    const mount = layout.version === 2 ? cgroupMount : `${cgroupMount}/cpu`;
    const path = `${mount}${cgroupPath(qosCgroup(this.#root, qos), driver)}`;
    const entries = (await this.#options.files.list(path, { signal })) ?? [];
    return entries.flatMap(({ name, type }) => {
      const uid = type === 'directory' ? podOfFolder(name, driver) : undefined;
      return uid === undefined ? [] : [{ uid, qos }];
    });
  }

  async #where(signal: AbortSignal): Promise<CgroupPlace> {
    if (this.#place !== undefined) return this.#place;
    const { files, driver, hugePageSizes } = this.#options;
    const [layout, found] = await Promise.all([readCgroupLayout(files, { signal }), driver({ signal })]);
    this.#place = { layout, driver: found, hugePageSizes: hugePageSizes() };
    return this.#place;
  }
}
