import { specContainers } from './containers.ts';
import type { Pod, ResourceRequirements } from './kube.ts';
import { addQuantities, compareQuantities, quantityOf, type Quantity } from './quantity.ts';
import { quantity } from './quantity-text.ts';

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

const counted = ['cpu', 'memory'] as const;

/**
 * The pod's quality of service class: what its status says, else what its resources make it (ComputePodQOS).
 */
export function podQosClass(pod: Pod): QosClass {
  const known = pod.status?.qosClass;
  if (known === 'Guaranteed' || known === 'Burstable' || known === 'BestEffort') return known;
  const all =
    pod.spec.resources === undefined
      ? specContainers(pod.spec).map(({ resources }) => resources ?? {})
      : [pod.spec.resources];
  const requests = sum(all, 'requests');
  const limits = sum(all, 'limits');
  if (requests.size === 0 && limits.size === 0) return 'BestEffort';
  const limited = all.every((each) => counted.every((name) => quantity(each.limits?.[name]).unscaled > 0n));
  const equal =
    requests.size === limits.size &&
    [...requests].every(([name, amount]) => compareQuantities(amount, limits.get(name) ?? none) === 0);
  return limited && equal ? 'Guaranteed' : 'Burstable';
}

const none = quantityOf(0n, 0, 'DecimalSI');

function sum(all: readonly ResourceRequirements[], list: 'requests' | 'limits'): Map<string, Quantity> {
  const totals = new Map<string, Quantity>();
  for (const name of counted) {
    const total = all
      .map((each) => quantity(each[list]?.[name]))
      .filter(({ unscaled }) => unscaled > 0n)
      .reduce(addQuantities, none);
    if (total.unscaled > 0n) totals.set(name, total);
  }
  return totals;
}
