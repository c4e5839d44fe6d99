/**
 * Whether what a pod asks for is free (scheduler framework/plugins/noderesources/fit.go fitsRequest). Pure.
 */
import { isExtendedResource } from '../../model/extended-resource.ts';
import { own } from '../../model/own.ts';
import { heldRequest } from '../../model/held-request.ts';
import type { Pod } from '../../model/kube.ts';
import { podRequest } from '../../model/pod-requests.ts';
import { quantityMilli, quantityValue } from '../../model/quantity-text.ts';
import type { Refusal } from './refusal.ts';

/** One resource of which there is too little: cpu in thousandths, the rest in units. */
export interface Shortage {
  readonly resource: string;
  readonly requested: bigint;
  readonly used: bigint;
  readonly capacity: bigint;
}

/** What is short, in the scheduler's order: pods, cpu, memory, ephemeral-storage, then the others by name. */
export function shortages(
  pod: Pod,
  { allocatable, others }: { allocatable: Readonly<Record<string, string>>; others: readonly Pod[] },
): Shortage[] {
  const short: Shortage[] = [];
  const places = quantityValue(allocatable.pods);
  const running = BigInt(others.length);
  if (running + 1n > places) short.push({ resource: 'pods', requested: 1n, used: running, capacity: places });
  const request = podRequest(pod);
  for (const resource of ordered([...request.keys()])) {
    const requested = request.get(resource) ?? 0n;
    const quantity = own(allocatable, resource);
    // what the node does not know may be a resource of the cluster: the scheduler's affair
    if (requested === 0n || (quantity === undefined && isExtendedResource(resource))) continue;
    const capacity = resource === 'cpu' ? quantityMilli(quantity) : quantityValue(quantity);
    const used = others.reduce((sum, other) => sum + (heldRequest(other).get(resource) ?? 0n), 0n);
    if (requested > capacity - used) short.push({ resource, requested, used, capacity });
  }
  return short;
}

export function shortageRefusal({ resource, requested, used, capacity }: Shortage): Refusal {
  return {
    reason: `OutOf${resource}`,
    message: `Node didn't have enough resource: ${resource}, requested: ${requested}, used: ${used}, capacity: ${capacity}`,
  };
}

const first = ['cpu', 'memory', 'ephemeral-storage'];

function ordered(names: readonly string[]): string[] {
  return [
    ...first.filter((name) => names.includes(name)),
    ...names.filter((name) => !first.includes(name)).sort(),
  ];
}
