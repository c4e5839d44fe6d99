/**
 * Who comes, who grows, and who makes room for whom on one host
 * (pkg/kubelet/allocation/allocation_manager.go).
 */
import type { EventRecorder } from '../model/events.ts';
import type { Pod } from '../model/kube.ts';
import { podQosClass } from '../model/pod-qos.ts';
import { quantityMilli } from '../model/quantity-text.ts';
import type { AdmissionVerdict } from './admission/verdict.ts';
import { Allocations, type ResizeRefusal } from './resize/allocations.ts';
import type { ResizeConditions } from './resize/resize-conditions.ts';

export interface JudgeOptions {
  /** the node's labels were read just now: a pod that does not match them is refused for good */
  readonly nodeIsFresh: boolean;
  /** false: CPUs are not taken, only asked about */
  readonly takesCpus: boolean;
}

export interface AllocationManagerOptions {
  readonly conditions: ResizeConditions;
  /** what admission says of the pod beside those that hold resources of the host */
  readonly judge: (pod: Pod, beside: readonly Pod[], options: JudgeOptions) => AdmissionVerdict;
  /** pods that hold resources of the host, as they ask to be */
  readonly activePods: () => readonly Pod[];
  readonly hasStaticCpus: boolean;
  readonly preempt: (victim: Pod, shortOf: string) => void;
  /** CPUs that others share may have been given to a pod */
  readonly onAdmitted: () => void;
  readonly events: EventRecorder;
}

export class AllocationManager {
  readonly #options: AllocationManagerOptions;
  readonly #allocations: Allocations;

  constructor(options: AllocationManagerOptions) {
    const { conditions, events } = options;
    this.#options = options;
    this.#allocations = new Allocations({ conditions, events, mayResize: this.#mayResize.bind(this) });
  }

  /** A new pod, beside those that hold resources. What it needs is its own once it is admitted. */
  admit(
    pod: Pod,
    beside: readonly Pod[],
    { nodeIsFresh }: Pick<JudgeOptions, 'nodeIsFresh'>,
  ): AdmissionVerdict {
    const verdict = this.#judge(this.#allocations.candidate(pod), beside, { nodeIsFresh, takesCpus: true });
    if (verdict.kind === 'admitted') {
      this.#allocations.admit(pod);
      this.#options.onAdmitted();
    }
    return verdict;
  }

  /** What admission would say, were the pod to come now beside these. Takes nothing. */
  verdictOn(pod: Pod, beside: readonly Pod[]): AdmissionVerdict {
    return this.#judge(pod, beside, { nodeIsFresh: true, takesCpus: false });
  }

  /** The pod as it was granted: what is run, and what counts for others. */
  granted(pod: Pod): Pod {
    return this.#allocations.granted(pod);
  }

  /** Whether the pod asks for just what it was granted last. */
  isGranted(pod: Pod): boolean {
    return this.#allocations.isGranted(pod);
  }

  isAdmitted(uid: string): boolean {
    return this.#allocations.isAdmitted(uid);
  }

  /** The pods that hold resources of the host, as they were granted. */
  active(): Pod[] {
    return this.#options.activePods().map((pod) => this.granted(pod));
  }

  /** The newest object of a pod that was admitted: what it asks for more or less waits for retryResizes. */
  offer(pod: Pod): void {
    this.#allocations.offer(pod);
  }

  /**
   * Grants resizes that wait, as far as there is room now.
   * @param find the pod, as long as it may be resized
   * @returns the pods whose status has something new to tell
   */
  retryResizes(find: (uid: string) => Pod | undefined): readonly Pod[] {
    return this.#allocations.hasPending ? this.#allocations.retry(find) : [];
  }

  forget(uid: string): void {
    this.#allocations.forget(uid);
  }

  #judge(pod: Pod, beside: readonly Pod[], options: JudgeOptions): AdmissionVerdict {
    return this.#options.judge(
      pod,
      beside.map((each) => this.granted(each)),
      options,
    );
  }

  /** pkg/kubelet/allocation/handlers.go, then admission as for a new pod. */
  #mayResize(pod: Pod, granted: Pod): ResizeRefusal | undefined {
    const { activePods, hasStaticCpus, preempt } = this.#options;
    if (hasStaticCpus && podQosClass(pod) === 'Guaranteed' && cpuDiffers(pod, granted))
      return {
        reason: 'Infeasible',
        message: 'Resize is infeasible for Guaranteed Pods alongside CPU Manager policy "static"',
      };
    const others = activePods().filter(({ metadata }) => metadata.uid !== pod.metadata.uid);
    const verdict = this.#judge(pod, others, { nodeIsFresh: true, takesCpus: true });
    if (verdict.kind === 'admitted') return undefined;
    if (verdict.kind === 'refused') return verdict;
    if (verdict.waitsFor === 'node') return verdict.otherwise;
    for (const victim of verdict.victims) preempt(victim, verdict.shortOf);
    return { reason: 'Deferred', message: 'waiting for pods that make room for this critical pod' };
  }
}

function cpuDiffers(pod: Pod, granted: Pod): boolean {
  const before = new Map(
    granted.spec.containers.map(({ name, resources }) => [name, resources?.requests?.cpu]),
  );
  return pod.spec.containers.some(
    ({ name, resources }) => quantityMilli(resources?.requests?.cpu) !== quantityMilli(before.get(name)),
  );
}
