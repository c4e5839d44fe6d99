/** What a pod may use of its node at most (component-helpers/resource PodLimits): cpu in thousandths, the rest in units. Pure. */
import type { Pod } from './kube.ts';
import { podAmounts, requestAmounts } from './pod-requests.ts';

/** What no container limits is not there; overhead comes on top of what is. */
export function podLimit(pod: Pod): Record<string, number> {
  const limits = podAmounts(pod, 'limits');
  for (const [name, amount] of Object.entries(requestAmounts(pod.spec.overhead)))
    if (limits[name] !== undefined && limits[name] !== 0) limits[name] += amount;
  return limits;
}
