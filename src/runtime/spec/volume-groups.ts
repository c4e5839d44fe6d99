import type { Pod } from '../../model/kube.ts';
import type { VolumeSource } from './mounts.ts';

/**
 * Groups that the pod's volumes bring (annotation of PersistentVolumes), without those it has itself:
 * getExtraSupplementalGID. Pure.
 */
export function volumeGroups(pod: Pod, volumes: ReadonlyMap<string, VolumeSource>): number[] {
  const own = pod.spec.securityContext?.supplementalGroups ?? [];
  const groups = new Set<number>();
  for (const { gid } of volumes.values()) if (gid !== undefined && !own.includes(gid)) groups.add(gid);
  return [...groups].sort((a, b) => a - b);
}
