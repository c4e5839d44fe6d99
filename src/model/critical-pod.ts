import type { Pod } from './kube.ts';
import { isMirrorPod, isStaticPod } from './pod-source.ts';

const systemCriticalPriority = 2_000_000_000;

/** Static pods, their mirrors, and pods of system-critical priority (IsCriticalPod). */
export function isCritical(pod: Pod): boolean {
  return isStaticPod(pod) || isMirrorPod(pod) || (pod.spec.priority ?? 0) >= systemCriticalPriority;
}
