import type { PodStatus } from '../../model/kube.ts';
import type { KillOrder } from '../../model/pod-update.ts';

/**
 * The status with what whoever stops the pod has to say; a condition takes the place of one of its type.
 * Pure.
 */
export function overriddenStatus(status: PodStatus, override: KillOrder['status']): PodStatus {
  const { conditions = [], ...rest } = override ?? {};
  const types = new Set(conditions.map(({ type }) => type));
  const kept = (status.conditions ?? []).filter(({ type }) => !types.has(type));
  return { ...status, ...rest, conditions: [...conditions, ...kept] };
}
