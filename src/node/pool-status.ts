/** The status of a node with several hosts: sums, unions, and the worst that is common. Pure. */
import type { RuntimeInfo } from '../hosts/runtime-host.ts';
import type { NodeStatus } from '../model/kube.ts';
import { isHostName } from '../model/host-labels.ts';
import type { NodePressure } from '../model/node-info.ts';
import { own } from '../model/own.ts';
import { addQuantities, quantityOf } from '../model/quantity.ts';
import { quantity, storedText } from '../model/quantity-text.ts';
import type { Amounts } from '../model/resource-lists.ts';
import { bySize } from './node-host.ts';

type Quantities = Readonly<Record<string, string>>;
type Labels = Readonly<Record<string, string>>;

/** Sums by resource. One host's quantities stay in the form they have. */
export function sumResources(all: readonly Quantities[]): Record<string, string> {
  const [first, ...others] = all;
  if (first === undefined) return {};
  return others.reduce<Record<string, string>>((sum, next) => {
    const names = new Set([...Object.keys(sum), ...Object.keys(next)]);
    return Object.fromEntries([...names].map((name) => [name, add(own(sum, name), own(next, name))]));
  }, first);
}

function add(a: string | undefined, b: string | undefined): string {
  if (a === undefined || b === undefined) return a ?? b ?? '0';
  return storedText(addQuantities(quantity(a), quantity(b)));
}

/** The labels of a node as one of its hosts has them: those that other hosts gave it are not the host's. */
export function labelsOf(
  host: { readonly labels: Labels },
  { node = {}, pool }: { node: Labels | undefined; pool: Labels },
): Record<string, string> {
  const shared = Object.entries(node).filter(([key]) => !Object.hasOwn(pool, key) && !isHostName(key));
  return { ...Object.fromEntries(shared), ...host.labels };
}

/**
 * The share of a host that takes no new pods: the requests of the pods on it (cpu in thousandths, the rest in
 * units).
 */
export function heldResources(allocatable: Quantities, held: readonly Amounts[]): Record<string, string> {
  return Object.fromEntries(
    Object.entries(allocatable).map(([name, amount]) => {
      if (name === 'pods') return [name, String(held.length)];
      const used = held.reduce((sum, each) => sum + (each.get(name) ?? 0n), 0n);
      return [name, storedText(quantityOf(used, name === 'cpu' ? -3 : 0, quantity(amount).format))];
    }),
  );
}

/**
 * Handlers of any host, with the features that all hosts with that handler have; name and version of the
 * first.
 */
export function mergeRuntimes(all: readonly RuntimeInfo[]): RuntimeInfo | undefined {
  const [first] = all;
  if (first === undefined || all.length === 1) return first;
  const names = [...new Set(all.flatMap(({ handlers }) => handlers.map(({ name }) => name)))];
  return {
    ...first,
    supplementalGroupsPolicy: all.every(({ supplementalGroupsPolicy }) => supplementalGroupsPolicy),
    handlers: names.map((name) => {
      const having = all.flatMap(({ handlers }) => handlers.filter((each) => each.name === name));
      return {
        name,
        recursiveReadOnlyMounts: having.every((each) => each.recursiveReadOnlyMounts),
        userNamespaces: having.every((each) => each.userNamespaces),
        ownKernel: having.some((each) => each.ownKernel),
      };
    }),
  };
}

/** Images that some host has, the largest first. */
export function mergeImages(
  all: readonly NonNullable<NodeStatus['images']>[],
  most: number,
): NonNullable<NodeStatus['images']> {
  const byName = new Map(all.flat().map((image) => [image.names?.join() ?? '', image]));
  return [...byName.values()].sort(bySize).slice(0, most);
}

interface Member {
  readonly name: string;
  readonly problems: readonly string[];
  readonly pressures: readonly NodePressure[];
}

/** A node is short of something only if every host that can run pods is: placement goes around the others. */
export function sharedPressures(members: readonly Member[]): NodePressure[] {
  const usable = members.filter(({ problems }) => problems.length === 0);
  const [first] = usable.length > 0 ? usable : members;
  return (first?.pressures ?? []).filter((pressure) =>
    usable.every(({ pressures }) => pressures.includes(pressure)),
  );
}

/** A node is Ready while one of its hosts is. */
export function poolProblems(members: readonly Member[]): string[] {
  if (members.some(({ problems }) => problems.length === 0)) return [];
  return members.length === 1 ? [...(members[0]?.problems ?? [])] : lostHosts(members);
}

/** The hosts that can't run pods, each with its reason. */
export function lostHosts(members: readonly Member[]): string[] {
  return members.flatMap(({ name, problems }) => problems.map((problem) => `host ${name}: ${problem}`));
}
