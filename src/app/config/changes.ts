/** What another configuration asks of a process that runs by a former one. Pure. */
import { isDeepStrictEqual } from 'node:util';
import type { Config, HostConfig, NodeConfig } from './schema.ts';

export type ConfigChange =
  | { readonly kind: 'log-level'; readonly level: Config['logLevel'] }
  /** farlet lets go of the node: what runs there is left as it is */
  | { readonly kind: 'remove-node'; readonly name: string }
  /** its labels, its taints, labels or drains of its hosts: nothing of it ends */
  | { readonly kind: 'relabel-node'; readonly node: NodeConfig }
  /**
   * The node is put together again, as by a restart of farlet that costs this node alone: containers run on,
   * its kubelet API is away for a moment. `withoutHosts`: names of those that it has no more.
   */
  | { readonly kind: 'rebuild-node'; readonly node: NodeConfig; readonly withoutHosts: readonly string[] }
  | { readonly kind: 'add-node'; readonly node: NodeConfig };

export interface ConfigDiff {
  /** in the order in which they are to be carried out: ports are freed before they are taken */
  readonly changes: readonly ConfigChange[];
  /** keys that are as they were until farlet starts again */
  readonly needsRestart: readonly string[];
}

/** Where pods are and by which account: those that run would be left behind; and what a Node can't change. */
const FIXED = [
  'rootDir',
  'cgroupRoot',
  'providerID',
  'kubeconfig',
] as const satisfies readonly (keyof NodeConfig)[];
/** Written to the Node, or asked for whenever they count. */
const NODE_LIVE = new Set<string>(['labels', 'registerWithTaints']);
const HOST_LIVE = new Set<string>(['labels', 'drain']);

/** @param applied what runs now, which may be in part what a former file said */
export function configChanges(applied: Config, wanted: Config): ConfigDiff {
  const former = new Map(applied.nodes.map((node) => [node.name, node]));
  const names = new Set(wanted.nodes.map(({ name }) => name));
  const nodes = wanted.nodes.map((node) => nodeChange(former.get(node.name), node));
  const changes: ConfigChange[] = [
    ...(applied.logLevel === wanted.logLevel ? [] : [{ kind: 'log-level', level: wanted.logLevel } as const]),
    ...applied.nodes
      .filter(({ name }) => !names.has(name))
      .map(({ name }) => ({ kind: 'remove-node', name }) as const),
    ...nodes.flatMap(({ change }) => (change === undefined || change.kind === 'add-node' ? [] : [change])),
    ...nodes.flatMap(({ change }) => (change?.kind === 'add-node' ? [change] : [])),
  ];
  return { changes, needsRestart: [...fixedKeys(applied, wanted), ...nodes.flatMap(({ fixed }) => fixed)] };
}

/** The configuration by which the process runs once the change is made. */
export function withChange(applied: Config, change: ConfigChange): Config {
  const { nodes } = applied;
  switch (change.kind) {
    case 'log-level':
      return { ...applied, logLevel: change.level };
    case 'remove-node':
      return { ...applied, nodes: nodes.filter(({ name }) => name !== change.name) };
    case 'relabel-node':
    case 'rebuild-node':
      return {
        ...applied,
        nodes: nodes.map((each) => (each.name === change.node.name ? change.node : each)),
      };
    case 'add-node':
      return { ...applied, nodes: [...nodes, change.node] };
  }
}

interface NodeChange {
  readonly change: ConfigChange | undefined;
  readonly fixed: readonly string[];
}

function nodeChange(former: NodeConfig | undefined, wanted: NodeConfig): NodeChange {
  if (former === undefined) return { change: { kind: 'add-node', node: wanted }, fixed: [] };
  const fixed = FIXED.filter((key) => !isDeepStrictEqual(former[key], wanted[key]));
  const node = { ...wanted, ...Object.fromEntries(FIXED.map((key) => [key, former[key]])) };
  return {
    change: changeOf(former, node),
    fixed: fixed.map((key) => `nodes[${wanted.name}].${key}`),
  };
}

function changeOf(former: NodeConfig, node: NodeConfig): ConfigChange | undefined {
  const hosts = { former: byName(former.hosts), wanted: byName(node.hosts) };
  const [withoutHosts, added] = [missing(hosts.former, hosts.wanted), missing(hosts.wanted, hosts.former)];
  const both = [...hosts.wanted].flatMap(([name, host]) => {
    const before = hosts.former.get(name);
    return before === undefined ? [] : [changedKeys(before, host)];
  });
  const ofNode = changedKeys(former, node).filter((key) => key !== 'hosts');
  const isRebuilt =
    withoutHosts.length + added.length > 0 ||
    ofNode.some((key) => !NODE_LIVE.has(key)) ||
    both.flat().some((key) => !HOST_LIVE.has(key));
  if (isRebuilt) return { kind: 'rebuild-node', node, withoutHosts };
  return ofNode.length + both.flat().length > 0 ? { kind: 'relabel-node', node } : undefined;
}

function byName(hosts: readonly HostConfig[]): ReadonlyMap<string, HostConfig> {
  return new Map(hosts.map((host) => [host.name, host]));
}

function missing(all: ReadonlyMap<string, unknown>, from: ReadonlyMap<string, unknown>): string[] {
  return [...all.keys()].filter((name) => !from.has(name));
}

/** What all nodes, or the process, were made with. */
function fixedKeys(applied: Config, wanted: Config): string[] {
  return changedKeys(applied, wanted).filter((key) => key !== 'nodes' && key !== 'logLevel');
}

function changedKeys(a: object, b: object): string[] {
  const [before, after] = [
    new Map<string, unknown>(Object.entries(a)),
    new Map<string, unknown>(Object.entries(b)),
  ];
  return [...new Set([...before.keys(), ...after.keys()])].filter(
    (key) => !isDeepStrictEqual(before.get(key), after.get(key)),
  );
}
