import type { PodConditionReason } from './condition-reasons.ts';
import type { PodStatus } from './kube.ts';

/**
 * The status of a pod of which nothing is heard any more: all as it was, but not ready. `now` (RFC 3339) is
 * since when, unless it was not ready before. Pure.
 */
export function notReadyStatus(
  status: PodStatus,
  { now, ...why }: { readonly now: string; readonly reason?: PodConditionReason; readonly message?: string },
): PodStatus {
  return {
    ...status,
    conditions: (status.conditions ?? []).map((condition) => {
      if (condition.type !== 'Ready') return condition;
      const since = condition.status === 'False' ? (condition.lastTransitionTime ?? now) : now;
      return { ...condition, ...why, status: 'False', lastTransitionTime: since };
    }),
  };
}
