/**
 * Pods of a node whose host does not answer are not ready. The node controller marks them only where a
 * kubelet falls silent (pkg/controller/nodelifecycle, MarkPodsNotReady); farlet is there to tell, so it does
 * what the controller would.
 */
import type { EventRecorder } from '../../model/events.ts';
import type { Pod, PodStatus } from '../../model/kube.ts';
import { notReadyStatus } from '../../model/not-ready.ts';
import { isTerminalPhase } from '../../model/holds.ts';
import { podReference } from '../../model/pod-ref.ts';

export interface MarkLostOptions {
  readonly pods: readonly Pod[];
  readonly status: {
    current(uid: string): PodStatus | undefined;
    set(pod: Pod, desired: { status: PodStatus; mayRun: boolean }): void;
  };
  readonly events: EventRecorder;
  /** RFC 3339 */
  readonly now: string;
}

/** Those that are ready no more get an event. Whoever syncs a pod once the host is back says how it is. */
export function markLost({ pods, status, events, now }: MarkLostOptions): void {
  for (const pod of pods) {
    const known = status.current(pod.metadata.uid) ?? pod.status ?? {};
    const marked = lostStatus(known, now);
    if (marked === undefined) continue;
    status.set(pod, { status: marked, mayRun: true });
    events.event(podReference(pod), 'NodeNotReadyOfPod', 'Node is not ready');
  }
}

/** undefined: the pod is over, or was not ready before. Pure. */
export function lostStatus(status: PodStatus, now: string): PodStatus | undefined {
  const { conditions = [] } = status;
  const isReady = conditions.some((each) => each.type === 'Ready' && each.status === 'True');
  if (!isReady || isTerminalPhase(status.phase)) return undefined;
  return notReadyStatus(status, { now });
}
