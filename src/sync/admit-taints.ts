/** Taints that drive pods away (component-helpers/scheduling/corev1, core/v1 toleration.go). Pure. */
import type { Pod, Taint } from '../model/kube.ts';

type Toleration = NonNullable<Pod['spec']['tolerations']>[number];

/** Only NoExecute counts: NoSchedule is the scheduler's affair. */
export function toleratesTaints(pod: Pod, taints: readonly Taint[]): boolean {
  return taints
    .filter(({ effect }) => effect === 'NoExecute')
    .every((taint) => (pod.spec.tolerations ?? []).some((toleration) => tolerates(toleration, taint)));
}

function tolerates({ key = '', operator = '', value = '', effect = '' }: Toleration, taint: Taint): boolean {
  if (effect !== '' && effect !== taint.effect) return false;
  if (key !== '' && key !== taint.key) return false;
  if (operator === 'Exists') return true;
  return (operator === '' || operator === 'Equal') && value === (taint.value ?? '');
}
