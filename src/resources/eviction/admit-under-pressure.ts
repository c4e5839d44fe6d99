/** Whether a node that is short of something takes a pod (eviction_manager.go Admit). Pure. */
import { isCritical } from '../../model/pod-source.ts';
import type { Pod } from '../../model/kube.ts';
import type { NodePressure } from '../../model/node-info.ts';
import { podQosClass } from '../../model/pod-qos.ts';
import { tolerates } from '../../model/tolerates.ts';

const memoryTaint = { key: 'node.kubernetes.io/memory-pressure', effect: 'NoSchedule' };

/**
 * The refusal, or undefined. Critical pods are always taken; while memory alone is short only best-effort
 * pods are refused, and not those that tolerate it.
 */
export function refusedUnderPressure(
  pod: Pod,
  pressures: readonly NodePressure[],
): { readonly kind: 'refused'; readonly reason: 'Evicted'; readonly message: string } | undefined {
  if (pressures.length === 0 || isCritical(pod)) return undefined;
  if (pressures.length === 1 && pressures[0] === 'MemoryPressure') {
    if (podQosClass(pod) !== 'BestEffort') return undefined;
    if ((pod.spec.tolerations ?? []).some((toleration) => tolerates(toleration, memoryTaint)))
      return undefined;
  }
  return {
    kind: 'refused',
    reason: 'Evicted',
    message: `The node had condition: [${pressures.join(' ')}]. `,
  };
}
