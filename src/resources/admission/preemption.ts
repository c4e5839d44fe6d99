/**
 * Which pods make room for a critical one: as few as can be and of the lowest class of service, then those
 * whose requests come nearest to what is short (pkg/kubelet/preemption/preemption.go). Pure.
 */
import { isCritical } from '../../model/pod-source.ts';
import type { Pod } from '../../model/kube.ts';
import { podQosClass } from '../../model/pod-qos.ts';
import { podRequest } from '../../model/pod-requests.ts';
import type { Shortage } from './admit-resources.ts';

interface Need {
  readonly resource: string;
  readonly amount: bigint;
}

/** undefined: not even all of them together would do; `short` is then what would still be missing. */
export function podsToPreempt(
  pod: Pod,
  active: readonly Pod[],
  shortages: readonly Shortage[],
): { readonly victims: readonly Pod[] } | { readonly short: string } {
  const needs = shortages.map(({ resource, requested, used, capacity }) => ({
    resource,
    amount: requested - (capacity - used),
  }));
  const ofClass = (qos: string): Pod[] =>
    active.filter((other) => isPreemptable(pod, other) && podQosClass(other) === qos);
  const bestEffort = ofClass('BestEffort');
  const burstable = ofClass('Burstable');
  const guaranteed = ofClass('Guaranteed');
  const missing = rest(needs, [...bestEffort, ...burstable, ...guaranteed]);
  if (missing.length > 0) return { short: needText(missing) };
  const fromGuaranteed = nearest(guaranteed, rest(needs, [...bestEffort, ...burstable]));
  const fromBurstable = nearest(burstable, rest(needs, [...bestEffort, ...fromGuaranteed]));
  const fromBestEffort = nearest(bestEffort, rest(needs, [...fromBurstable, ...fromGuaranteed]));
  return { victims: [...fromBestEffort, ...fromBurstable, ...fromGuaranteed] };
}

/** pkg/kubelet/types/pod_update.go Preemptable. */
function isPreemptable(preemptor: Pod, other: Pod): boolean {
  if (isCritical(preemptor) && !isCritical(other)) return true;
  const mine = preemptor.spec.priority;
  const its = other.spec.priority;
  return mine !== undefined && its !== undefined && mine > its;
}

function nearest(pods: readonly Pod[], needs: readonly Need[]): Pod[] {
  let left = [...pods];
  let open = needs;
  const chosen: Pod[] = [];
  while (open.length > 0) {
    const [first, ...others] = left;
    if (first === undefined) break;
    const needed = open;
    const best = others.reduce((so, pod) => (isBetter(pod, so, needed) ? pod : so), first);
    chosen.push(best);
    open = rest(open, [best]);
    left = left.filter((pod) => pod !== best);
  }
  return chosen;
}

function isBetter(pod: Pod, than: Pod, needs: readonly Need[]): boolean {
  const [mine, its] = [distance(pod, needs), distance(than, needs)];
  return mine < its || (mine === its && isSmaller(pod, than));
}

/** How much of each need would stay open, as a fraction, so that all weigh the same. */
function distance(pod: Pod, needs: readonly Need[]): number {
  return needs.reduce((sum, { resource, amount }) => {
    const open = amount - requestOf(pod, resource);
    return open > 0n ? sum + (Number(open) / Number(amount)) ** 2 : sum;
  }, 0);
}

function isSmaller(a: Pod, b: Pod): boolean {
  for (const resource of ['memory', 'cpu']) {
    const difference = requestOf(a, resource) - requestOf(b, resource);
    if (difference !== 0n) return difference < 0n;
  }
  return true;
}

function rest(needs: readonly Need[], pods: readonly Pod[]): Need[] {
  return needs
    .map(({ resource, amount }) => ({
      resource,
      amount: amount - pods.reduce((sum, pod) => sum + requestOf(pod, resource), 0n),
    }))
    .filter(({ amount }) => amount > 0n);
}

function requestOf(pod: Pod, resource: string): bigint {
  return resource === 'pods' ? 1n : (podRequest(pod).get(resource) ?? 0n);
}

function needText(needs: readonly Need[]): string {
  return `[${needs.map(({ resource, amount }) => `(res: ${resource}, q: ${amount}), `).join('')}]`;
}
