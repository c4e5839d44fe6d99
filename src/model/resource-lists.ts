/**
 * Sums of what containers ask for or are limited to, exact (component-helpers/resource PodRequests and
 * PodLimits). Pure.
 */
import { isSidecar } from './containers.ts';
import type { Container, Pod } from './kube.ts';
import { addQuantities, compareQuantities, scaledValue, type Quantity } from './quantity.ts';
import { quantity } from './quantity-text.ts';

/** Quantities by resource name. */
export type ResourceList = ReadonlyMap<string, Quantity>;

/** Amounts by resource name: cpu in thousandths, the rest in units, rounded up. */
export type Amounts = ReadonlyMap<string, bigint>;

export function resourceList(texts: Readonly<Record<string, string>> | undefined): ResourceList {
  return new Map(Object.entries(texts ?? {}).map(([name, text]) => [name, quantity(text)]));
}

export function amountsOf(list: ResourceList): Amounts {
  return new Map([...list].map(([name, quantity]) => [name, scaledValue(quantity, name === 'cpu' ? -3 : 0)]));
}

/** Where both have a quantity, the result has the form of the first. */
export function sumOf(a: ResourceList, b: ResourceList): ResourceList {
  return merged(a, b, addQuantities);
}

export function greaterOf(a: ResourceList, b: ResourceList): ResourceList {
  return merged(a, b, (x, y) => (compareQuantities(y, x) > 0 ? y : x));
}

function merged(
  a: ResourceList,
  b: ResourceList,
  join: (x: Quantity, y: Quantity) => Quantity,
): ResourceList {
  const result = new Map(a);
  for (const [name, quantity] of b) {
    const own = a.get(name);
    result.set(name, own === undefined ? quantity : join(own, quantity));
  }
  return result;
}

/**
 * The whole pod's, overhead left out: the sum over regular containers and sidecars, at least what the
 * greediest moment of initialization needs; what the pod says of itself goes before (KEP-753, KEP-2837).
 */
export function podList(pod: Pod, kind: 'requests' | 'limits'): ResourceList {
  const listOf = (container: Container): ResourceList => resourceList(container.resources?.[kind]);
  let total = pod.spec.containers.map(listOf).reduce(sumOf, new Map<string, Quantity>());
  let sidecars: ResourceList = new Map<string, Quantity>();
  let peak: ResourceList = new Map<string, Quantity>();
  for (const container of pod.spec.initContainers ?? []) {
    if (isSidecar(container)) {
      total = sumOf(total, listOf(container));
      sidecars = sumOf(sidecars, listOf(container));
      peak = greaterOf(peak, sidecars);
    } else peak = greaterOf(peak, sumOf(listOf(container), sidecars));
  }
  const ofPod = [...resourceList(pod.spec.resources?.[kind])].filter(([name]) => isPodLevel(name));
  return new Map([...greaterOf(total, peak), ...ofPod]);
}

/** With overhead; a limit that is not set stays so. */
export function podListWithOverhead(pod: Pod, kind: 'requests' | 'limits'): ResourceList {
  const list = podList(pod, kind);
  const overhead = [...resourceList(pod.spec.overhead)].filter(
    ([name]) => kind === 'requests' || (list.get(name)?.unscaled ?? 0n) !== 0n,
  );
  return sumOf(list, new Map(overhead));
}

/** component-helpers/resource IsSupportedPodLevelResource. */
function isPodLevel(name: string): boolean {
  return name === 'cpu' || name === 'memory' || name.startsWith('hugepages-');
}
