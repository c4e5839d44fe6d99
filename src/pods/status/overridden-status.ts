import type { PodStatus } from '../../model/kube.ts';
import type { KillOrder } from '../../model/pod-update.ts';

/**
 * Merges the status of a kill order over the computed one; its conditions replace those of the same type.
 * Pure.
 */
export function overriddenStatus(status: PodStatus, override: KillOrder['status']): PodStatus {
  const { conditions = [], ...rest } = override ?? {};
  const types = new Set(conditions.map(({ type }) => type));
  const kept = (status.conditions ?? []).filter(({ type }) => !types.has(type));
  return { ...status, ...rest, conditions: [...conditions, ...kept] };
}
