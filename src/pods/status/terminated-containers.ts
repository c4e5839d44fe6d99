/**
 * Containers that a status tells of as ended, and the one before did not
 * (pkg/kubelet/status/status_manager.go). Pure.
 */
import type { ContainerType } from '../../model/containers.ts';
import type { PodStatus } from '../../model/kube.ts';

export interface Termination {
  readonly type: ContainerType;
  readonly exitCode: number;
  readonly reason: string;
}

const lists = [
  ['init_container', 'initContainerStatuses'],
  ['container', 'containerStatuses'],
  ['ephemeral_container', 'ephemeralContainerStatuses'],
] as const;

export function newlyTerminated(before: PodStatus, after: PodStatus): Termination[] {
  return lists.flatMap(([type, list]) =>
    (after[list] ?? []).flatMap(({ name, state }): Termination[] => {
      const ended = state?.terminated;
      const old = before[list]?.find((each) => each.name === name);
      if (ended === undefined || old?.state?.terminated !== undefined) return [];
      return [{ type, exitCode: ended.exitCode, reason: ended.reason ?? '' }];
    }),
  );
}
