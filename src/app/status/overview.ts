/** What the cluster knows of the nodes that farlet runs, in one record. Pure. */
import { hostPort } from '../../hosts/link/net-errors.ts';
import type { KubeNode, Lease, Pod } from '../../model/kube.ts';
import { isTerminalPhase } from '../../model/holds.ts';
import { drainedHosts, hostKey, namedHosts } from '../../model/host-labels.ts';
import { isLeavingNode } from '../../model/leaving-node.ts';
import { own } from '../../model/own.ts';
import { configuredKey } from '../../node/configured.ts';
import { ownerKeys } from '../../node/owner-claim.ts';

/** What was read of the cluster; undefined is unknown, not none. */
export interface Seen {
  readonly nodes: readonly KubeNode[];
  readonly leases: readonly Lease[] | undefined;
  /** by the node's name */
  readonly pods: ReadonlyMap<string, readonly Pod[] | undefined>;
  /** ms since the epoch */
  readonly now: number;
}

export interface HostOverview {
  readonly name: string;
  readonly ready: boolean;
  readonly drained: boolean;
  /** undefined: could not be seen */
  readonly pods: number | undefined;
}

/** How the pods of a node are. Those that ended are in none. */
export interface PodCounts {
  readonly bound: number;
  readonly ready: number;
  /** bound to the node, and nothing was reported of them yet */
  readonly waiting: number;
  /** seconds that the oldest of these has waited; undefined: none waits */
  readonly longestWait: number | undefined;
  /** deleted, and still there */
  readonly terminating: number;
}

export interface NodeOverview {
  readonly name: string;
  readonly ready: 'True' | 'False' | 'Unknown';
  readonly schedulable: boolean;
  /** it is being taken away: nothing new is run there */
  readonly leaving: boolean;
  /** of the Ready condition and of the hosts, where they are not as they should be */
  readonly problems: readonly string[];
  /** of a pool; a node of one host names none */
  readonly hosts: readonly HostOverview[];
  readonly pods: PodCounts | undefined;
  /** how many pods it takes */
  readonly capacity: number | undefined;
  /** seconds since the lease was renewed, as the clock here has it; undefined: unknown */
  readonly heartbeat: number | undefined;
  /** the farlet that runs it; empty: none does; undefined: unknown */
  readonly owner: string | undefined;
  /** address and port of the kubelet API */
  readonly kubeletAPI: string | undefined;
  readonly runtime: string | undefined;
  /** RFC 3339 */
  readonly created: string | undefined;
}

/** Whether farlet registered it. */
export function isFarlets({ metadata }: KubeNode): boolean {
  return own(metadata.annotations, configuredKey) !== undefined;
}

/** By name. */
export function overview({ nodes, leases, pods, now }: Seen): NodeOverview[] {
  const byName = new Map(leases?.map((lease) => [lease.metadata?.name, lease] as const));
  return nodes
    .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
    .map((node) => nodeOverview(node, byName.get(node.metadata.name), pods.get(node.metadata.name), now));
}

function nodeOverview(
  node: KubeNode,
  lease: Lease | undefined,
  pods: readonly Pod[] | undefined,
  now: number,
): NodeOverview {
  const { metadata, spec, status } = node;
  const condition = status?.conditions?.find(({ type }) => type === 'Ready');
  const ready = condition?.status === 'True' || condition?.status === 'False' ? condition.status : 'Unknown';
  const lost = status?.conditions?.find(({ type }) => type === 'farlet.dev/HostsReady');
  const problems = [
    ...(ready === 'True' ? [] : [condition?.message ?? 'farlet has not reported yet']),
    ...(lost?.status === 'False' && ready === 'True' ? [lost.message ?? ''] : []),
  ];
  const capacity = Number(own(status?.allocatable, 'pods'));
  return {
    name: metadata.name,
    ready,
    schedulable: spec?.unschedulable !== true,
    leaving: isLeavingNode(node),
    problems,
    hosts: hostsOf(node, pods, ready === 'True' ? lost?.message : (lost?.message ?? condition?.message)),
    pods: pods === undefined ? undefined : countsOf(pods, now),
    capacity: Number.isFinite(capacity) ? capacity : undefined,
    heartbeat: secondsSince(lease?.spec?.renewTime, now),
    owner: lease === undefined ? undefined : own(lease.metadata?.annotations, ownerKeys.owner),
    kubeletAPI: addressOf(node),
    runtime: status?.nodeInfo?.containerRuntimeVersion,
    created: metadata.creationTimestamp,
  };
}

function hostsOf(
  { metadata, status }: KubeNode,
  pods: readonly Pod[] | undefined,
  lost: string | undefined,
): HostOverview[] {
  const drained = drainedHosts(metadata.annotations);
  const areReady = status?.conditions?.find(({ type }) => type === 'farlet.dev/HostsReady')?.status;
  return namedHosts(metadata.labels).map((name) => ({
    name,
    ready: areReady === 'True' || (areReady === 'False' && lost?.includes(`host ${name}: `) === false),
    drained: drained.has(name),
    pods: pods?.filter(
      (pod) => !isTerminalPhase(pod.status?.phase) && own(pod.metadata.annotations, hostKey) === name,
    ).length,
  }));
}

function countsOf(pods: readonly Pod[], now: number): PodCounts {
  const bound = pods.filter(({ status }) => !isTerminalPhase(status?.phase));
  const waiting = bound.filter(
    ({ metadata, status }) => metadata.deletionTimestamp === undefined && status?.startTime === undefined,
  );
  const waits = waiting.flatMap((pod) => secondsSince(boundAt(pod), now) ?? []);
  return {
    bound: bound.length,
    ready: bound.filter(({ status }) => isTrue(status?.conditions, 'Ready')).length,
    waiting: waiting.length,
    longestWait: waits.length === 0 ? undefined : Math.max(...waits),
    terminating: bound.filter(({ metadata }) => metadata.deletionTimestamp !== undefined).length,
  };
}

function boundAt({ metadata, status }: Pod): string | undefined {
  const scheduled = status?.conditions?.find(({ type }) => type === 'PodScheduled');
  return (
    (scheduled?.status === 'True' ? scheduled.lastTransitionTime : undefined) ?? metadata.creationTimestamp
  );
}

function isTrue(
  conditions: readonly { readonly type: string; readonly status: string }[] | undefined,
  type: string,
): boolean {
  return conditions?.some((each) => each.type === type && each.status === 'True') === true;
}

function addressOf({ status }: KubeNode): string | undefined {
  const address = status?.addresses?.find(({ type }) => type === 'InternalIP')?.address;
  const port = status?.daemonEndpoints?.kubeletEndpoint?.Port;
  if (address === undefined || port === undefined) return undefined;
  return hostPort(address, port);
}

function secondsSince(time: string | undefined, now: number): number | undefined {
  const at = time === undefined ? NaN : Date.parse(time);
  // two machines' clocks: what lies ahead is no time at all
  return Number.isNaN(at) ? undefined : Math.max(0, Math.round((now - at) / 1000));
}
