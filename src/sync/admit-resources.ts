/** Whether what a pod asks for is free (scheduler framework/plugins/noderesources/fit.go fitsRequest). Pure. */
import { isExtendedResource } from '../model/extended-resource.ts';
import { heldRequest } from '../model/held-request.ts';
import type { Pod } from '../model/kube.ts';
import { podRequest } from '../model/pod-requests.ts';
import { quantityMilli, quantityValue } from '../model/quantity.ts';
import type { Refusal } from './refusal.ts';

/** One resource of which there is too little: cpu in thousandths, the rest in units. */
export interface Shortage {
  readonly resource: string;
  readonly requested: number;
  readonly used: number;
  readonly capacity: number;
}

/** What is short, in the scheduler's order: pods, cpu, memory, ephemeral-storage, then the others by name. */
export function shortages(
  pod: Pod,
  { allocatable, others }: { allocatable: Readonly<Record<string, string>>; others: readonly Pod[] },
): Shortage[] {
  const short: Shortage[] = [];
  const places = quantityValue(allocatable.pods);
  if (others.length + 1 > places)
    short.push({ resource: 'pods', requested: 1, used: others.length, capacity: places });
  const held = others.map(heldRequest);
  const request = podRequest(pod);
  for (const resource of ordered(Object.keys(request))) {
    const requested = request[resource] ?? 0;
    const quantity = allocatable[resource];
    // what the node does not know may be a resource of the cluster: the scheduler's affair
    if (requested === 0 || (quantity === undefined && isExtendedResource(resource))) continue;
    const capacity = resource === 'cpu' ? quantityMilli(quantity) : quantityValue(quantity);
    const used = held.reduce((sum, other) => sum + (other[resource] ?? 0), 0);
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
