/** Taints that drive pods away (component-helpers/scheduling/corev1, core/v1 toleration.go). Pure. */
import type { Pod, Taint } from '../../model/kube.ts';
import { tolerates } from '../../model/tolerates.ts';

/** Only NoExecute counts: NoSchedule is the scheduler's affair. */
export function toleratesTaints(pod: Pod, taints: readonly Taint[]): boolean {
  return taints
    .filter(({ effect }) => effect === 'NoExecute')
    .every((taint) => (pod.spec.tolerations ?? []).some((toleration) => tolerates(toleration, taint)));
}
