/** What a pod's object says of where it is, and how it looks with that changed. Pure. */
import { hostKey } from '../../model/host-labels.ts';
import type { Pod } from '../../model/kube.ts';
import { isTerminalPhase } from '../../model/holds.ts';
import type { PodChange } from '../../model/pod-update.ts';

/** It is over, or to be: nothing of it is started any more. */
export function isLeaving({ metadata, status }: Pod): boolean {
  return metadata.deletionTimestamp !== undefined || isTerminalPhase(status?.phase);
}

export function isPlaced({ pod }: PodChange): boolean {
  return pod.metadata.annotations?.[hostKey] !== undefined;
}

export function withHost(pod: Pod, host: string): Pod {
  const { metadata } = pod;
  return { ...pod, metadata: { ...metadata, annotations: { ...metadata.annotations, [hostKey]: host } } };
}

/** A pod that somebody else wrote: what matters of that for the choice of its host, and its version. */
export function refreshed(pod: Pod, { metadata }: Pod): Pod {
  const { uid, resourceVersion, deletionTimestamp, annotations } = metadata;
  if (uid !== pod.metadata.uid) return pod;
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      annotations: { ...pod.metadata.annotations, ...annotations },
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
    },
  };
}
