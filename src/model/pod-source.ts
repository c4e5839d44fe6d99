/** Where a pod comes from, as its annotations tell (pkg/kubelet/types/pod_update.go). Pure. */
import type { Pod } from './kube.ts';
import { annotations } from './labels.ts';

/** Sources stamp the pods they tell of with their name. */
const apiSource = 'api';
const systemCriticalPriority = 2_000_000_000;

/** From a manifest file: no object of the API server stands behind it, only a mirror. */
export function isStaticPod(pod: Pod): boolean {
  const source = pod.metadata.annotations?.[annotations.configSource];
  return source !== undefined && source !== apiSource && !isMirrorPod(pod);
}

/** The API server's picture of a static pod: shown and read, never run. */
export function isMirrorPod(pod: Pod): boolean {
  return pod.metadata.annotations?.[annotations.configMirror] !== undefined;
}

/** `name_namespace`: what a static pod and its mirror have in common, since their UIDs differ. */
export function podFullName({ metadata }: { metadata: { name?: string; namespace?: string } }): string {
  return `${metadata.name ?? ''}_${metadata.namespace ?? ''}`;
}

/** ms since the epoch of when the pod was first told of. */
export function firstSeen(pod: Pod): number | undefined {
  const at = Date.parse(pod.metadata.annotations?.[annotations.configSeen] ?? '');
  return Number.isNaN(at) ? undefined : at;
}

/** Static pods, their mirrors, and pods of system-critical priority (IsCriticalPod). */
export function isCritical(pod: Pod): boolean {
  return isStaticPod(pod) || isMirrorPod(pod) || (pod.spec.priority ?? 0) >= systemCriticalPriority;
}
