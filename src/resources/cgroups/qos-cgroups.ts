/**
 * The control groups of the classes of pods, which those of the pods are in
 * (pkg/kubelet/cm/qos_container_manager_linux.go).
 *
 * I1. Burstable has the sum of what its pods ask for. It is written with the batch of a pod that changes it,
 *     by one batch at a time: two on their way might arrive in either order. What changes meanwhile the next
 *     pod writes, or the next look of each minute.
 */
import type { FileOp } from '../../hosts/link/link.ts';
import type { Pod } from '../../model/kube.ts';
import { podQosClass } from '../../model/pod-qos.ts';
import { podRequest } from '../../model/pod-requests.ts';
import { qosCgroup, type CgroupName } from './cgroup-name.ts';
import { createCgroup, updateCgroup, type CgroupPlace } from './cgroup-ops.ts';
import { sharesOf } from './pod-limits.ts';

export interface QosCgroupsOptions {
  /** the group of all pods */
  readonly root: CgroupName;
  /** pods that hold resources of the node */
  readonly active: () => readonly Pod[];
}

/** Sends one batch. */
type Apply = (ops: readonly FileOp[]) => Promise<void>;

const UNBOUNDED = 2 ** 62;

export class QosCgroups {
  readonly #options: QosCgroupsOptions;
  /** Burstable's CPU shares as they were last written; undefined where the groups may not be there */
  #shares: number | undefined;
  #isWriting = false;

  constructor(options: QosCgroupsOptions) {
    this.#options = options;
  }

  /** They may be gone: the host was away. */
  forget(): void {
    this.#shares = undefined;
  }

  /** Gives Burstable what its pods ask for by now; groups that may not be there are made with a pod. */
  async refresh(place: CgroupPlace, apply: Apply): Promise<void> {
    if (this.#shares !== undefined) await this.write([], place, apply);
  }

  /** Sends `ops`, and before them what the classes lack, in one batch; nothing where there is neither. */
  async write(ops: readonly FileOp[], place: CgroupPlace, apply: Apply): Promise<void> {
    const shares = this.#wanted();
    const changes = this.#isWriting ? [] : this.#changes(shares, place);
    if (changes.length === 0) {
      if (ops.length > 0) await apply(ops);
      return;
    }
    this.#isWriting = true;
    try {
      await apply([...changes, ...ops]);
      this.#shares = shares;
    } catch (error) {
      this.#shares = undefined;
      throw error;
    } finally {
      this.#isWriting = false;
    }
  }

  #changes(shares: number, place: CgroupPlace): FileOp[] {
    if (this.#shares === shares) return [];
    const { root } = this.#options;
    const burstable = qosCgroup(root, 'Burstable');
    if (this.#shares !== undefined) return updateCgroup(burstable, { cpuShares: shares }, place);
    const hugePages = new Map(place.hugePageSizes.map((size) => [size, UNBOUNDED]));
    return [
      ...createCgroup(burstable, { cpuShares: shares, hugePages }, place),
      ...createCgroup(qosCgroup(root, 'BestEffort'), { cpuShares: sharesOf(0n), hugePages }, place),
    ];
  }

  #wanted(): number {
    const milli = this.#options
      .active()
      .filter((pod) => podQosClass(pod) === 'Burstable')
      .reduce((sum, pod) => sum + (podRequest(pod).get('cpu') ?? 0n), 0n);
    return sharesOf(milli);
  }
}
