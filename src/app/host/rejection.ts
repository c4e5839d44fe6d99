/** What becomes of a pod that its node rejects, by one host or by all of them. Composition only. */
import type { ClusterAccess } from '../cluster/cluster.ts';
import type { EventRecorder } from '../../model/events.ts';
import type { Pod } from '../../model/kube.ts';
import { podReference } from '../../model/pod-ref.ts';
import { rejectedStatus } from '../../pods/status/merge-status.ts';
import type { Refusal } from '../../resources/admission/refusal.ts';
import { admissionReason } from '../../telemetry/bounded-labels.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { Clock } from '../../util/clock.ts';

export interface RejectionOptions {
  readonly access: Pick<ClusterAccess, 'status'>;
  readonly metrics: Metrics;
  readonly events: EventRecorder;
  readonly clock: Clock;
}

/** The pod fails for good: counted, said in an event, written. */
export function rejectWith({
  access,
  metrics,
  events,
  clock,
}: RejectionOptions): (pod: Pod, refusal: Refusal) => void {
  return (pod, refusal) => {
    const { reason, message } = refusal;
    metrics.kubelet_admission_rejections_total.inc({ reason: admissionReason(reason) });
    events.event(podReference(pod), reason, message);
    access.status.set(pod, { status: rejectedStatus(pod, refusal, clock.now()), mayRun: false });
  };
}
