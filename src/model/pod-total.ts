import { isSidecar } from './containers.ts';
import type { Pod } from './kube.ts';
import { quantityMilli, quantityValue } from './quantity.ts';

/**
 * What the whole pod asks for, overhead left out: the sum over regular containers and sidecars, at least what
 * the greediest moment of initialization needs; pod-level amounts go before all (component-helpers/resource,
 * KEP-753, KEP-2837). CPU in thousandths, memory in bytes; undefined when nothing is asked for.
 */
export function podTotal(
  pod: Pod,
  list: 'requests' | 'limits',
  resource: 'cpu' | 'memory',
): number | undefined {
  const amount = (quantity: string | undefined): number | undefined =>
    quantity === undefined
      ? undefined
      : resource === 'cpu'
        ? quantityMilli(quantity)
        : quantityValue(quantity);
  const ofPod = amount(pod.spec.resources?.[list]?.[resource]);
  if (ofPod !== undefined) return ofPod;
  const running = pod.spec.containers.map(({ resources }) => amount(resources?.[list]?.[resource]));
  let sidecars: number | undefined;
  let initializing: number | undefined;
  for (const container of pod.spec.initContainers ?? []) {
    const own = amount(container.resources?.[list]?.[resource]);
    if (isSidecar(container)) {
      sidecars = add(sidecars, own);
      initializing = greater(initializing, sidecars);
    } else initializing = greater(initializing, add(sidecars, own));
  }
  return greater([...running, sidecars].reduce(add, undefined), initializing);
}

function add(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined ? b : b === undefined ? a : a + b;
}

function greater(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined ? b : b === undefined ? a : Math.max(a, b);
}
