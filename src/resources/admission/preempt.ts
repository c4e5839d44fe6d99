/** How a pod makes room for a critical one (pkg/kubelet/preemption/preemption.go evictPodsToFreeRequests). */
import type { PodConditionReason } from '../../model/condition-reasons.ts';
import type { EventRecorder } from '../../model/events.ts';
import type { Pod, PodStatus } from '../../model/kube.ts';
import { podReference } from '../../model/pod-ref.ts';
import type { KillOrder } from '../../model/pod-update.ts';
import { rfc3339, type Clock } from '../../util/clock.ts';

export interface PreemptOptions {
  readonly workers: {
    state(uid: string): { readonly at: string } | undefined;
    kill(uid: string, order: KillOrder): void;
  };
  readonly events: EventRecorder;
  readonly clock: Pick<Clock, 'now'>;
  /** a pod was told to make room; which resource was short */
  readonly onPreempted: (shortOf: string) => void;
}

const MESSAGE = 'Preempted in order to admit critical pod';

/** Stops the pod, unless it stops already. */
export function preempt(
  victim: Pod,
  shortOf: string,
  { workers, events, clock, onPreempted }: PreemptOptions,
): void {
  const { uid, generation } = victim.metadata;
  if (workers.state(uid)?.at !== 'syncing') return;
  events.event(podReference(victim), 'Preempting', MESSAGE);
  const disruption: NonNullable<PodStatus['conditions']>[number] = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'TerminationByKubelet' satisfies PodConditionReason,
    message: 'Pod was preempted by Kubelet to accommodate a critical pod.',
    lastTransitionTime: rfc3339(clock.now()),
    ...(generation === undefined ? {} : { observedGeneration: generation }),
  };
  const status = { phase: 'Failed', reason: 'Preempting', message: MESSAGE, conditions: [disruption] };
  workers.kill(uid, { status });
  onPreempted(shortOf);
}
