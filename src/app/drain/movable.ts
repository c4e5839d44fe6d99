/**
 * Which pods a drain moves, which it leaves, and which it must not touch unasked (kubectl:
 * pkg/drain/filters.go). Pure.
 */
import type { Pod } from '../../model/kube.ts';
import { isTerminalPhase } from '../../model/holds.ts';
import { isMirrorPod } from '../../model/pod-source.ts';
import { isOfDaemonSet } from '../../sync/pool/lost-pods.ts';

export interface DrainLimits {
  /** pods that no controller makes again go as well */
  readonly force: boolean;
  /** and those whose emptyDir volumes go with them */
  readonly deleteEmptyDirData: boolean;
}

/** Pods of DaemonSets and mirrors stay: the first come back at once, the second are not the API server's. */
export function movablePods(pods: readonly Pod[]): Pod[] {
  return pods.filter((pod) => !isMirrorPod(pod) && !isOfDaemonSet(pod));
}

/** Why a drain of these pods can't begin: a sentence for each that may not be moved unasked. */
export function hindrances(pods: readonly Pod[], limits: DrainLimits): string[] {
  return movablePods(pods).flatMap((pod) => {
    const why = hindrance(pod, limits);
    const { namespace, name } = pod.metadata;
    return why === undefined ? [] : [`${namespace}/${name} ${why}`];
  });
}

function hindrance({ metadata, spec, status }: Pod, limits: DrainLimits): string | undefined {
  if (metadata.deletionTimestamp !== undefined) return undefined;
  if (isTerminalPhase(status?.phase)) return undefined;
  const isControlled = metadata.ownerReferences?.some(({ controller }) => controller === true) === true;
  if (!isControlled && !limits.force) return 'has no controller that would make it again (--force)';
  const loses = spec.volumes?.some(({ emptyDir }) => emptyDir !== undefined) === true;
  if (loses && !limits.deleteEmptyDirData)
    return 'would lose the data of its emptyDir volumes (--delete-emptydir-data)';
  return undefined;
}
