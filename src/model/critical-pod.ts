import type { Pod } from './kube.ts';
import { annotations } from './labels.ts';

const systemCriticalPriority = 2_000_000_000;

/** From a file or another fixed source rather than the API server (pkg/kubelet/types IsStaticPod). */
export function isStatic(pod: Pod): boolean {
  const source = pod.metadata.annotations?.[annotations.configSource];
  return source !== undefined && source !== 'api';
}

/** Static pods, their mirrors, and pods of system-critical priority (IsCriticalPod). */
export function isCritical(pod: Pod): boolean {
  return (
    isStatic(pod) ||
    pod.metadata.annotations?.[annotations.configMirror] !== undefined ||
    (pod.spec.priority ?? 0) >= systemCriticalPriority
  );
}
