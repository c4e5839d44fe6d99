import { specContainers } from './containers.ts';
import type { Pod, ResourceRequirements } from './kube.ts';
import { parseNano } from './quantity.ts';

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

const counted = ['cpu', 'memory'] as const;

/** The pod's quality of service class: what its status says, else what its resources make it (ComputePodQOS). */
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
  const limited = all.every((each) => counted.every((name) => positive(each.limits?.[name]) > 0n));
  const equal =
    requests.size === limits.size && [...requests].every(([name, amount]) => limits.get(name) === amount);
  return limited && equal ? 'Guaranteed' : 'Burstable';
}

function sum(all: readonly ResourceRequirements[], list: 'requests' | 'limits'): Map<string, bigint> {
  const totals = new Map<string, bigint>();
  for (const name of counted) {
    const total = all.reduce((so, each) => so + positive(each[list]?.[name]), 0n);
    if (total > 0n) totals.set(name, total);
  }
  return totals;
}

function positive(quantity: string | undefined): bigint {
  const nano = quantity === undefined ? 0n : (parseNano(quantity) ?? 0n);
  return nano > 0n ? nano : 0n;
}
