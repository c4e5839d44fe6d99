import type { Pod } from './kube.ts';

/** SystemCriticalPriority (pkg/apis/scheduling). */
const criticalPriority = 2_000_000_000;

/** Pods that a node keeps even when it is short of something: static and mirror pods, and system priorities (pkg/kubelet/types IsCriticalPod). */
export function isCriticalPod({ metadata: { annotations = {} }, spec }: Pod): boolean {
  const source = annotations['kubernetes.io/config.source'];
  if (source !== undefined && source !== 'api') return true;
  if (annotations['kubernetes.io/config.mirror'] !== undefined) return true;
  return (spec.priority ?? 0) >= criticalPriority;
}
