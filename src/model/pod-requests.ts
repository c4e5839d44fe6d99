/** What a pod asks of its node (component-helpers/resource PodRequests): cpu in thousandths, the rest in units. Pure. */
import { isSidecar } from './containers.ts';
import type { Container, Pod } from './kube.ts';
import { quantityMilli, quantityValue } from './quantity.ts';

type Amounts = Record<string, number>;

export function podRequest(pod: Pod): Amounts {
  const total: Amounts = {};
  for (const container of pod.spec.containers) add(total, requests(container.resources?.requests));
  const sidecars: Amounts = {};
  const peak: Amounts = {};
  for (const container of pod.spec.initContainers ?? []) {
    const own = requests(container.resources?.requests);
    if (isSidecar(container)) {
      add(total, own);
      add(sidecars, own);
      raise(peak, sidecars);
    } else raise(peak, sum(sidecars, own));
  }
  raise(total, peak);
  Object.assign(total, requests(pod.spec.resources?.requests));
  add(total, requests(pod.spec.overhead));
  return total;
}

function requests(list: NonNullable<Container['resources']>['requests']): Amounts {
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
