/**
 * What a pod asks of its node, and what it may use of it (component-helpers/resource PodRequests, PodLimits).
 * Pure.
 */
import type { Pod } from './kube.ts';
import { amountsOf, podList, podListWithOverhead, type Amounts } from './resource-lists.ts';

/** With overhead. */
export function podRequest(pod: Pod): Amounts {
  return amountsOf(podListWithOverhead(pod, 'requests'));
}

/** What no container limits is not there; overhead comes on top of what is. */
export function podLimit(pod: Pod): Amounts {
  return amountsOf(podListWithOverhead(pod, 'limits'));
}

/** Overhead left out. CPU in thousandths, memory in bytes; undefined when nothing is asked for. */
export function podTotal(
  pod: Pod,
  kind: 'requests' | 'limits',
  resource: 'cpu' | 'memory',
): bigint | undefined {
  return amountsOf(podList(pod, kind)).get(resource);
}
