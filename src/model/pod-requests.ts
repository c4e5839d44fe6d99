/** What a pod asks of its node (component-helpers/resource PodRequests): cpu in thousandths, the rest in units. Pure. */
import { isSidecar } from './containers.ts';
import type { Container, Pod } from './kube.ts';
import { quantityMilli, quantityValue } from './quantity.ts';

type Amounts = Record<string, number>;

export function podRequest(pod: Pod): Amounts {
  const total = podAmounts(pod, 'requests');
  add(total, requestAmounts(pod.spec.overhead));
  return total;
}

/** Without overhead: the sum over containers, or the greediest moment of initialization; the pod's own go before all. */
export function podAmounts(pod: Pod, list: 'requests' | 'limits'): Amounts {
  const total: Amounts = {};
  for (const container of pod.spec.containers) add(total, requestAmounts(container.resources?.[list]));
  const sidecars: Amounts = {};
  const peak: Amounts = {};
  for (const container of pod.spec.initContainers ?? []) {
    const own = requestAmounts(container.resources?.[list]);
    if (isSidecar(container)) {
      add(total, own);
      add(sidecars, own);
      raise(peak, sidecars);
    } else raise(peak, sum(sidecars, own));
  }
  raise(total, peak);
  Object.assign(total, requestAmounts(pod.spec.resources?.[list]));
  return total;
}

export function requestAmounts(list: NonNullable<Container['resources']>['requests']): Amounts {
  return Object.fromEntries(
    Object.entries(list ?? {}).map(([name, amount]) => [
      name,
      name === 'cpu' ? quantityMilli(amount) : quantityValue(amount),
    ]),
  );
}

function add(to: Amounts, amounts: Amounts): void {
  for (const [name, amount] of Object.entries(amounts)) to[name] = (to[name] ?? 0) + amount;
}

function raise(to: Amounts, amounts: Amounts): void {
  for (const [name, amount] of Object.entries(amounts)) to[name] = Math.max(to[name] ?? 0, amount);
}

function sum(a: Amounts, b: Amounts): Amounts {
  const both = { ...a };
  add(both, b);
  return both;
}
