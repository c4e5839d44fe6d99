/**
 * How pods choose among the hosts of one node: by labels under farlet.dev, which the scheduler sees on the
 * Node. Pure.
 */

/** On a pod of a pool: the host it was placed on. As a host's label: its name. */
export const hostKey = 'farlet.dev/host';
/** On the Node: names of hosts that are to be drained, with commas between them. */
export const drainKey = 'farlet.dev/drain';

const namePrefix = 'host.farlet.dev/';

interface LabelledHost {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** A host's labels: those of its configuration, and its name in two forms. */
export function hostLabels({ name, labels }: LabelledHost): Record<string, string> {
  return { ...labels, [hostKey]: name, [`${namePrefix}${name}`]: 'true' };
}

/**
 * What the Node shows of its hosts' labels, so that the scheduler sends it the pods that ask for them. A
 * label has one value: where hosts differ in it the Node has none, and pods ask by a key that only some of
 * the hosts have.
 */
export function poolLabels(hosts: readonly LabelledHost[]): Record<string, string> {
  const values = new Map<string, Set<string>>();
  for (const host of hosts)
    for (const [key, value] of Object.entries(hostLabels(host)))
      values.set(key, (values.get(key) ?? new Set()).add(value));
  return Object.fromEntries(
    [...values].flatMap(([key, [first = '', ...others]]) => (others.length === 0 ? [[key, first]] : [])),
  );
}

/** Whether a label names hosts: on a Node, nobody but farlet sets those. */
export function isHostName(key: string): boolean {
  return key === hostKey || key.startsWith(namePrefix);
}

/** The hosts of a pool, by the labels of its Node, in order. */
export function namedHosts(labels: Readonly<Record<string, string>> | undefined): string[] {
  return Object.keys(labels ?? {})
    .filter((key) => key.startsWith(namePrefix))
    .map((key) => key.slice(namePrefix.length))
    .sort();
}

/** The hosts that a Node's annotation names. */
export function drainedHosts(annotations: Readonly<Record<string, string>> | undefined): ReadonlySet<string> {
  const names = (annotations?.[drainKey] ?? '').split(',').map((name) => name.trim());
  return new Set(names.filter((name) => name !== ''));
}
