/**
 * Who was granted what on a node, and the resizes that wait (pkg/kubelet/allocation/allocation_manager.go).
 * Nothing is stored: after a restart a pod's status tells what it had been granted
 * (docs/adr/0010-resize-state.md).
 */
import type { EventRecorder } from '../../model/events.ts';
import type { Pod } from '../../model/kube.ts';
import { podReference } from '../../model/pod-ref.ts';
import { podQosClass } from '../../model/pod-qos.ts';
import { podRequest } from '../../model/pod-requests.ts';
import { allocatedPod, allocationOf, isGranted, recoveredAllocation, type Allocation } from './allocation.ts';
import type { ResizeConditions } from './resize-conditions.ts';
import { resizeMessage } from './resize-message.ts';

/** Why a resize is not granted now: reason Infeasible is for good, anything else until there is room. */
export interface ResizeRefusal {
  readonly reason: string;
  readonly message: string;
}

export interface AllocationsOptions {
  readonly conditions: ResizeConditions;
  readonly events: EventRecorder;
  /** `pod` as it asks to be, `granted` as it is */
  readonly mayResize: (pod: Pod, granted: Pod) => ResizeRefusal | undefined;
}

export class Allocations {
  readonly #options: AllocationsOptions;
  readonly #granted = new Map<string, Allocation>();
  readonly #pending = new Set<string>();

  constructor(options: AllocationsOptions) {
    this.#options = options;
  }

  /** A pod that may be admitted: as it was granted before, if it ran already; else as it asks to be. */
  candidate(pod: Pod): Pod {
    return allocatedPod(pod, this.#granted.get(pod.metadata.uid) ?? recoveredAllocation(pod));
  }

  /** The pod is admitted as its candidate was. */
  admit(pod: Pod): void {
    const { uid } = pod.metadata;
    const candidate = this.candidate(pod);
    this.#granted.set(uid, allocationOf(candidate));
    this.#options.conditions.adopt(pod);
    this.offer(pod);
  }

  /** The pod as it was granted: what is run, and what counts for others. */
  granted(pod: Pod): Pod {
    const allocation = this.#granted.get(pod.metadata.uid);
    return allocation === undefined ? pod : allocatedPod(pod, allocation);
  }

  /** Whether the pod was admitted, and has not been forgotten. */
  isAdmitted(uid: string): boolean {
    return this.#granted.has(uid);
  }

  /**
   * Whether the pod asks for just what it was granted last: a sync may still be at work on what was before.
   */
  isGranted(pod: Pod): boolean {
    const allocation = this.#granted.get(pod.metadata.uid);
    return allocation === undefined || isGranted(pod, allocation);
  }

  /** The newest object of a pod that is admitted: what it asks for more or less is queued. */
  offer(pod: Pod): void {
    const { uid } = pod.metadata;
    const allocation = this.#granted.get(uid);
    if (allocation === undefined) return;
    if (!isGranted(pod, allocation)) this.#pending.add(uid);
    else {
      this.#pending.delete(uid);
      this.#options.conditions.clearPending(uid);
    }
  }

  get hasPending(): boolean {
    return this.#pending.size > 0;
  }

  /** Grants what can be; the pods whose status has something new to tell. */
  retry(find: (uid: string) => Pod | undefined): Pod[] {
    // a pod that can't be found now may have no worker yet: it waits until it is forgotten
    const pods = [...this.#pending].map(find).filter((pod) => pod !== undefined);
    return this.#sorted(pods).filter((pod) => this.#decide(pod));
  }

  forget(uid: string): void {
    this.#granted.delete(uid);
    this.#pending.delete(uid);
    this.#options.conditions.forget(uid);
  }

  #decide(pod: Pod): boolean {
    const { conditions, events, mayResize } = this.#options;
    const { uid, generation = 0 } = pod.metadata;
    const refusal = mayResize(pod, this.granted(pod));
    if (refusal === undefined) {
      this.#granted.set(uid, allocationOf(pod));
      this.#pending.delete(uid);
      conditions.clearPending(uid);
      // a restart in the middle of it is no new start
      const known = conditions.inProgressGeneration(uid) === generation;
      conditions.clearInProgress(uid);
      conditions.setInProgress(uid, { generation });
      if (!known)
        events.event(podReference(pod), 'ResizeStarted', resizeMessage(pod, { what: 'started', generation }));
      return true;
    }
    const reason = refusal.reason === 'Infeasible' ? 'Infeasible' : 'Deferred';
    // nothing on this node will make it possible: the next change of the spec is judged again
    if (reason === 'Infeasible') this.#pending.delete(uid);
    const news = conditions.setPending(uid, { ...refusal, generation });
    if (news)
      events.event(
        podReference(pod),
        reason === 'Infeasible' ? 'ResizeInfeasible' : 'ResizeDeferred',
        resizeMessage(pod, { what: refusal.reason, generation, error: refusal.message }),
      );
    return news;
  }

  /** Those that ask for no more first, then by priority, class and waiting time. */
  #sorted(pods: readonly Pod[]): Pod[] {
    const rank = (pod: Pod): [number, number, number, string] => [
      this.#asksForMore(pod) ? 1 : 0,
      -(pod.spec.priority ?? 0),
      podQosClass(pod) === 'Guaranteed' ? 0 : 1,
      this.#options.conditions.pendingSince(pod.metadata.uid) ?? '9999',
    ];
    return [...pods].sort((a, b) => {
      const [first, second] = [rank(a), rank(b)];
      const index = first.findIndex((value, position) => value !== second[position]);
      if (index === -1) return 0;
      return (first[index] ?? 0) < (second[index] ?? 0) ? -1 : 1;
    });
  }

  #asksForMore(pod: Pod): boolean {
    const before = podRequest(this.granted(pod));
    const after = podRequest(pod);
    return ['cpu', 'memory'].some((name) => (after.get(name) ?? 0n) > (before.get(name) ?? 0n));
  }
}
