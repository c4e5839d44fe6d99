/**
 * One virtual node, put together: its hosts, what it knows of the cluster, how its pods get to their host.
 * Composition only.
 */
import { buildClusterAccess } from '../cluster/cluster.ts';
import { reservations } from '../config/reservations.ts';
import type { Config, NodeConfig } from '../config/schema.ts';
import { buildHost, type HostApp } from '../host/host.ts';
import type { KubeConnection } from '../../kube/connect.ts';
import type { EventRecorder } from '../../model/events.ts';
import type { Faults } from '../../model/faults.ts';
import type { Log } from '../../model/log.ts';
import { isTerminalPhase } from '../../model/holds.ts';
import { isStaticPod } from '../../model/pod-source.ts';
import type { NodeClaim } from '../../node/node-claim.ts';
import { kubeletVersion } from '../../node/node-object.ts';
import { NodeHost } from '../../node/node-host.ts';
import { NodeHosts } from '../../node/node-hosts.ts';
import { VirtualNode } from '../../node/virtual-node.ts';
import { effectiveEvictionHard } from '../host/managers.ts';
import { PodStartup } from '../../pods/pod-startup.ts';
import { showReadiness, showState } from './gauges.ts';
import { startupObserver } from '../host/observers.ts';
import { kubeletApiAt } from './kubelet-api-on-host.ts';
import { openHost } from '../host/open-host.ts';
import { whereHostIs } from '../host/where-host-is.ts';
import { buildReporting } from './reporting.ts';
import { buildPool } from './pool.ts';
import { NodeSources } from '../cluster/node-sources.ts';
import { hostLabels, poolLabels } from '../../model/host-labels.ts';
import type { SharedCluster } from '../cluster/shared-cluster.ts';
import { waitAtMost } from '../../util/stopping.ts';
import { createMetrics, type Metrics } from '../../telemetry/metrics.ts';
import type { Clock } from '../../util/clock.ts';
import { fenced } from '../../util/fence.ts';
import { supervise } from '../../util/supervise.ts';

export interface NodeAppOptions {
  readonly config: Config;
  readonly node: NodeConfig;
  readonly nodeIPs: readonly string[];
  /** of the machine that farlet's pod is on, if it is in one */
  readonly hostIP: string | undefined;
  /**
   * UID of the cluster's kube-system namespace, as soon as the API server has told; undefined: there is none
   */
  readonly cluster: Promise<string> | undefined;
  readonly kube: KubeConnection;
  /** what the process has one of */
  readonly common: SharedCluster;
  /** nothing is written or done on a host but through its fences */
  readonly claim: NodeClaim;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

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
  run(): Promise<void>;
  stop(options: { signal: AbortSignal }): Promise<void>;
}

/** How long pods' steps may take to notice that the process ends. */
const IDLE_MS = 3_000;

export function buildNode(options: NodeAppOptions): NodeApp {
  const { config, node, cluster, claim, clock, signal } = options;
  const kube = fenced(options.kube, claim.api, { only: ['create', 'replace', 'patch', 'delete'] });
  const log = options.log.child({ node: node.name });
  const metrics = createMetrics({ node: node.name, kubeletVersion });
  const client = cluster === undefined ? undefined : kube;
  const reporting = buildReporting({ client, node: node.name, metrics, clock, log });
  const { events, faults } = reporting;
  const supervised = { faults, clock, signal };
  const startup = new PodStartup({ now: clock.now.bind(clock), onStarted: startupObserver(metrics) });
  const sources = new NodeSources({ config, node, client: kube, cluster, clock, log, faults, signal });
  const access = buildClusterAccess({ kube, common: options.common, metrics, startup, clock, log });
  const hosts = node.hosts.map((each) => openHost(each, { ...options, metrics, log }));
  const isPool = hosts.length > 1;
  const nodeHosts = hosts.map((host, index) => {
    const { labels = {}, drain = false } = node.hosts[index] ?? {};
    const own = isPool ? hostLabels({ name: host.name, labels }) : labels;
    const where = whereHostIs(node.hosts[index], { ...options, nodeIP: node.nodeIP });
    return new NodeHost({ host, ...where, rootDir: node.rootDir, labels: own, drain, clock, log });
  });
  const self = identity(options);
  const all = new NodeHosts({ identity: self, hosts: nodeHosts, clock, log });
  const virtualNode = new VirtualNode({
    identity: self,
    hosts: all,
    providerID: providerIdOf(node, cluster),
    client,
    clock,
    log,
    events,
    faults,
    updateMs: config.nodeStatusUpdateFrequency,
    reportMs: config.nodeStatusReportFrequency,
    onRegistered: claim.nodeIs.bind(claim),
  });
  const shared = {
    ...options,
    ...{ kube, log, sources, access, metrics, startup, events, faults },
    hasCluster: cluster !== undefined,
  };
  const pool = buildPool({ ...shared, hosts: nodeHosts, virtualNode });
  const { router } = pool;
  const apps = hosts.flatMap((host, index) => {
    const nodeHost = nodeHosts[index];
    if (nodeHost === undefined) return [];
    const app = buildHost({
      ...shared,
      host,
      faults: isPool ? reporting.faultsOf(host.name) : faults,
      view: virtualNode.view(nodeHost),
      isUnsettled: router.isUnsettled.bind(router),
    });
    nodeHost.attach(app);
    return [app];
  });
  pool.attach(apps);
  all.attach({
    isDraining: pool.isDraining.bind(pool),
    podsOn: (host) => router.podsOf(host).filter(({ status }) => !isTerminalPhase(status?.phase)),
  });
  access.objects.onChange((uids) => {
    for (const app of apps) app.objectsChanged(uids);
  });
  sources.attach({
    onChanges: (changes) => {
      for (const { kind, pod } of changes) {
        if (kind === 'remove') startup.forget(pod.metadata.uid);
        else if (!isStaticPod(pod)) startup.observed(pod);
      }
      router.apply(changes);
    },
    onListed: () => {
      access.status.relisted();
    },
  });
  metrics.beforeText(() => {
    showState(metrics, apps);
    showReadiness(metrics, virtualNode.node());
  });

  /** The cluster, once its API server has told which it is. */
  const followCluster = async (): Promise<void> => {
    if (cluster === undefined) return;
    await sources.clusterKnown;
    const { services, runtimeClasses } = access;
    const ready = Promise.all([
      // a host of several may be away for long: each of them waits for itself alone
      ...(isPool ? [] : apps.map(({ clusterRelisted }) => clusterRelisted)),
      services.synced,
      runtimeClasses.synced,
      virtualNode.registered,
    ]).then(() => {
      sources.releaseCluster();
      for (const app of apps) app.mirrorAll();
    });
    await ready;
  };

  return {
    name: node.name,
    metrics,
    hosts: apps,
    faults,
    events,
    addresses: all.addresses.bind(all),
    hostOf: (namespace, pod) => {
      const found = apps.find(({ table }) => table.find(namespace, pod) !== undefined) ?? apps[0];
      if (found === undefined) throw new Error(`node ${node.name} has no host`);
      return found;
    },
    problem: () => virtualNode.problem(),
    podsAreKnown: sources.areKnown.bind(sources),
    run: async () => {
      await Promise.all([
        supervise('node', (life) => virtualNode.run(life), supervised),
        supervise('events', (life) => reporting.run(life), supervised),
        sources.run(),
        followCluster(),
        supervise('pool', (life) => pool.run(life), supervised),
        ...apps.map((app) => app.run()),
      ]);
    },
    stop: async (options) => {
      // what still works then is left to itself: what is to be told of the pods must not wait for it
      await waitAtMost(Promise.all(apps.map((app) => app.idle())), { ms: IDLE_MS, clock });
      await Promise.all([reporting.flush(options), access.flushStatuses(options)]);
      await Promise.all(apps.map((app) => app.close()));
    },
  };
}

/** Names the cluster too: a cloud's controllers and autoscalers see that the Node is no machine of theirs. */
function providerIdOf(
  { name, providerID }: NodeConfig,
  cluster: Promise<string> | undefined,
): Promise<string> {
  const id = Promise.resolve(providerID ?? cluster?.then((uid) => `farlet://${uid}/${name}`) ?? '');
  id.catch(() => undefined);
  return id;
}

function identity({ config, node, nodeIPs }: NodeAppOptions) {
  const reserved = reservations(config);
  return {
    name: node.name,
    ...kubeletApiAt(node, nodeIPs),
    labels: node.labels,
    hostLabels: node.hosts.length > 1 ? poolLabels(node.hosts) : (node.hosts[0]?.labels ?? {}),
    maxPods: config.maxPods,
    systemReserved: reserved.system,
    kubeReserved: reserved.kube,
    evictionHard: effectiveEvictionHard(config),
    taints: node.registerWithTaints.map(({ key, value, effect }) => ({
      key,
      effect,
      ...(value === undefined ? {} : { value }),
    })),
  };
}
