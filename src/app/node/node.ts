/**
 * One virtual node, put together: its hosts, what it knows of the cluster, how its pods get to their host.
 * Composition only.
 */
import type { NodeConfig } from '../config/schema.ts';
import { buildHost, type HostApp } from '../host/host.ts';
import { openHost } from '../host/open-host.ts';
import { whereHostIs } from '../host/where-host-is.ts';
import type { Host } from '../../hosts/host.ts';
import type { EventRecorder } from '../../model/events.ts';
import type { Faults } from '../../model/faults.ts';
import { isTerminalPhase } from '../../model/holds.ts';
import { hostLabels } from '../../model/host-labels.ts';
import { isStaticPod } from '../../model/pod-source.ts';
import { NodeHost } from '../../node/node-host.ts';
import { NodeHosts } from '../../node/node-hosts.ts';
import { VirtualNode } from '../../node/virtual-node.ts';
import { showReadiness, stateShower } from './gauges.ts';
import { nodeContext, type NodeAppOptions, type NodeContext } from './node-context.ts';
import { nodeIdentity, providerIdOf } from './node-identity.ts';
import { buildPool, type NodePool } from './pool.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import { waitAtMost } from '../../util/stopping.ts';
import { supervise } from '../../util/supervise.ts';

/** What the rest of the process may ask of a node. */
export interface NodeApp {
  readonly name: string;
  readonly metrics: Metrics;
  readonly hosts: readonly HostApp[];
  readonly faults: Faults;
  readonly events: EventRecorder;
  /** That its hosts are reached by; empty before they have been looked at. */
  addresses(): readonly string[];
  /** The host that has the pod of this name; the first if none has. */
  hostOf(namespace: string, pod: string): HostApp;
  /**
   * The pods have been listed once: before, what is asked about one can't be answered. `withoutApi`: an API
   * server that was never reached is not waited for.
   */
  podsAreKnown(options: { withoutApi: boolean }): boolean;
  /** What is wrong with its Node object; undefined: nothing. */
  problem(): string | undefined;
  configured(): NodeConfig;
  /** Other labels and taints, labels and drains of its hosts; the rest is to be as it was. */
  configure(node: NodeConfig): void;
  run(): Promise<void>;
  stop(options: { signal: AbortSignal }): Promise<void>;
}

/** How long pods' steps may take to notice that the process ends. */
const IDLE_MS = 3_000;

export function buildNode(options: NodeAppOptions): NodeApp {
  const context = nodeContext(options);
  const { node, access, settings, sources, metrics, faults, events } = context;
  const hosts = node.hosts.map((each, index) =>
    // the first has the beat of the node: of most nodes it is the only one
    openHost(each, { ...context, beat: context.beat.shifted(index) }),
  );
  const nodeHosts = new NodeHosts({
    ...context,
    identity: nodeIdentity(context),
    hosts: hosts.map((host) => buildNodeHost(context, host)),
  });
  const virtualNode = buildVirtualNode(context, nodeHosts);
  const pool = buildPool(context, { hosts: nodeHosts.all, virtualNode });
  const apps = hosts.flatMap((host, index) => {
    const nodeHost = nodeHosts.all[index];
    return nodeHost === undefined ? [] : [buildHostApp(context, { host, nodeHost, virtualNode, pool })];
  });
  attach(context, { nodeHosts, virtualNode, pool, apps });
  return {
    name: node.name,
    metrics,
    hosts: apps,
    faults,
    events,
    addresses: nodeHosts.addresses.bind(nodeHosts),
    hostOf: (namespace, pod) => {
      const found = apps.find(({ table }) => table.find(namespace, pod) !== undefined) ?? apps[0];
      if (found === undefined) throw new Error(`node ${node.name} has no host`);
      return found;
    },
    problem: () => virtualNode.problem(),
    podsAreKnown: sources.areKnown.bind(sources),
    configured: () => settings.current,
    configure: (next) => {
      settings.configure(next);
      virtualNode.configured();
    },
    run: () => run(context, { virtualNode, pool, apps }),
    stop: async (options) => {
      await stop(context, apps, options);
      access.close();
    },
  };
}

/** How the node counts one of its hosts. */
function buildNodeHost({ node, settings, isPool, clock, log, ...place }: NodeContext, host: Host): NodeHost {
  const { name } = host;
  return new NodeHost({
    host,
    ...whereHostIs(settings.host(name), { ...place, nodeIP: node.nodeIP }),
    rootDir: node.rootDir,
    settings: () => {
      const { labels = {}, drain = false } = settings.host(name) ?? {};
      return { labels: isPool ? hostLabels({ name, labels }) : labels, drain };
    },
    clock,
    log,
  });
}

function buildVirtualNode(context: NodeContext, hosts: NodeHosts): VirtualNode {
  const { config, claim, sources } = context;
  return new VirtualNode({
    ...context,
    identity: hosts.identity,
    hosts,
    providerID: providerIdOf(context),
    updateMs: config.nodeStatusUpdateFrequency,
    reportMs: config.nodeStatusReportFrequency,
    onRegistered: claim.nodeIs.bind(claim),
    onLeaving: sources.leaving.bind(sources),
  });
}

interface HostParts {
  readonly host: Host;
  readonly nodeHost: NodeHost;
  readonly virtualNode: VirtualNode;
  readonly pool: NodePool;
}

/** What runs the pods of one host. */
function buildHostApp(
  context: NodeContext,
  { host, nodeHost, virtualNode, pool: { router } }: HostParts,
): HostApp {
  const { isPool, reporting, faults } = context;
  const app = buildHost({
    ...context,
    host,
    faults: isPool ? reporting.faultsOf(host.name) : faults,
    view: virtualNode.view(nodeHost),
    isUnsettled: router.isUnsettled.bind(router),
  });
  nodeHost.attach(app);
  return app;
}

interface Built {
  readonly nodeHosts: NodeHosts;
  readonly virtualNode: VirtualNode;
  readonly pool: NodePool;
  readonly apps: readonly HostApp[];
}

/** Those are told of what happens who could not be there before the others were. */
function attach(context: NodeContext, { nodeHosts, virtualNode, pool, apps }: Built): void {
  const { access, startup, traces, sources, metrics } = context;
  const { router } = pool;
  pool.attach(apps);
  nodeHosts.attach({
    isDraining: pool.isDraining.bind(pool),
    podsOn: (host) => router.podsOf(host).filter(({ status }) => !isTerminalPhase(status?.phase)),
  });
  access.objects.onChange((uids) => {
    for (const app of apps) app.objectsChanged(uids);
  });
  sources.attach({
    onChanges: (changes) => {
      for (const { kind, pod } of changes) {
        if (kind === 'remove') {
          startup.forget(pod.metadata.uid);
          traces?.gone(pod);
          continue;
        }
        traces?.observed(pod);
        if (!isStaticPod(pod)) startup.observed(pod);
      }
      router.apply(changes);
    },
    onListed: () => {
      access.status.relisted();
    },
  });
  const showState = stateShower(metrics, apps);
  metrics.beforeText(() => {
    showState();
    showReadiness(metrics, virtualNode.node());
  });
}

interface Running {
  readonly virtualNode: VirtualNode;
  readonly pool: NodePool;
  readonly apps: readonly HostApp[];
}

async function run(context: NodeContext, { virtualNode, pool, apps }: Running): Promise<void> {
  const { reporting, sources } = context;
  await Promise.all([
    supervise('node', (life) => virtualNode.run(life), context),
    supervise('events', (life) => reporting.run(life), context),
    sources.run(),
    followCluster(context, { virtualNode, apps }),
    supervise('pool', (life) => pool.run(life), context),
    ...apps.map((app) => app.run()),
  ]);
}

/** The cluster, once its API server has told which it is. */
async function followCluster(
  { hasCluster, isPool, sources, access }: NodeContext,
  { virtualNode, apps }: Pick<Running, 'virtualNode' | 'apps'>,
): Promise<void> {
  if (!hasCluster) return;
  await sources.clusterKnown;
  const { services, runtimeClasses } = access;
  await Promise.all([
    // a host of several may be away for long: each of them waits for itself alone
    ...(isPool ? [] : apps.map(({ clusterRelisted }) => clusterRelisted)),
    services.synced,
    runtimeClasses.synced,
    virtualNode.registered,
  ]);
  sources.releaseCluster();
  for (const app of apps) app.mirrorAll();
}

async function stop(
  { reporting, access, traces, clock }: NodeContext,
  apps: readonly HostApp[],
  options: { signal: AbortSignal },
): Promise<void> {
  // what still works then is left to itself: what is to be told of the pods must not wait for it
  await waitAtMost(Promise.all(apps.map((app) => app.idle())), { ms: IDLE_MS, clock });
  await Promise.all([reporting.flush(options), access.flushStatuses(options)]);
  traces?.close();
  await Promise.all(apps.map((app) => app.close()));
}
