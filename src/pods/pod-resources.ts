import { isSidecar } from '../model/containers.ts';
import type { Container, Pod, PodStatus } from '../model/kube.ts';
import { formatNano, isBinary, parseNano } from '../model/quantity.ts';

type Amounts = Readonly<Record<string, string>>;
type List = 'requests' | 'limits';

/**
 * The whole pod's resources, as its status tells them (pkg/kubelet/kubelet_pods.go getEffectiveAllocatedResources,
 * component-helpers/resource PodRequests and PodLimits, KEP-5419): the sum over regular containers and sidecars, at least
 * what the greediest moment of initialization needs; pod-level amounts go before it, overhead comes on top.
 */
export function podResources(pod: Pod): Pick<PodStatus, 'resources' | 'allocatedResources'> {
  const [requests, limits] = [effective(pod, 'requests'), effective(pod, 'limits')];
  return {
    ...(isEmpty(requests) ? {} : { allocatedResources: requests }),
    resources: {
      ...(isEmpty(limits) ? {} : { limits }),
      ...(isEmpty(requests) ? {} : { requests }),
    },
  };
}

function effective(pod: Pod, list: List): Amounts {
  const of = (container: Container): Amounts => container.resources?.[list] ?? {};
  let total = pod.spec.containers.map(of).reduce<Amounts>(sum, {});
  let sidecars: Amounts = {};
  let peak: Amounts = {};
  for (const container of pod.spec.initContainers ?? []) {
    if (isSidecar(container)) {
      total = sum(total, of(container));
      sidecars = sum(sidecars, of(container));
      peak = greater(peak, sidecars);
    } else peak = greater(peak, sum(sidecars, of(container)));
  }
  total = { ...greater(total, peak), ...pod.spec.resources?.[list] };
  return sum(total, overhead(pod, list, total));
}

/** A limit that is not set stays so: overhead alone makes none. */
function overhead(pod: Pod, list: List, total: Amounts): Amounts {
  const all = pod.spec.overhead ?? {};
  if (list === 'requests') return all;
  return Object.fromEntries(Object.entries(all).filter(([name]) => total[name] !== undefined));
}

function sum(a: Amounts, b: Amounts): Amounts {
  return merged(a, b, (x, y) => x + y);
}

function greater(a: Amounts, b: Amounts): Amounts {
  return merged(a, b, (x, y) => (x > y ? x : y));
}

/** Where both have an amount, the result is written in the form of the first, as Quantity.Add does. */
function merged(a: Amounts, b: Amounts, join: (x: bigint, y: bigint) => bigint): Amounts {
  const result: Record<string, string> = { ...a };
  for (const [name, amount] of Object.entries(b)) {
    const own = a[name];
    if (own === undefined) result[name] = amount;
    else {
      const nano = join(parseNano(own) ?? 0n, parseNano(amount) ?? 0n);
      if (nano !== parseNano(own)) result[name] = formatNano(nano, isBinary(own) ? 'binary' : 'decimal');
    }
  }
  return result;
}

function isEmpty(amounts: Amounts): boolean {
  return Object.keys(amounts).length === 0;
}
