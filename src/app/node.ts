/** One virtual node, put together: its hosts, what it knows of the cluster, how its pods get to their host. Composition only. */
import { buildClusterAccess } from './cluster.ts';
import { reservations } from './config/reservations.ts';
import type { Config, HostConfig, NodeConfig } from './config/schema.ts';
import { connectCri } from '../hosts/cri/connect.ts';
import { buildHost, type HostApp } from './host.ts';
import { Host } from '../hosts/host.ts';
import { fencedLink } from '../hosts/link/fenced-link.ts';
import { openLink } from '../hosts/open-link.ts';
import type { KubeConnection } from '../kube/connect.ts';
import { Events } from '../kube/events.ts';
import type { Faults, Part } from '../model/faults.ts';
import type { Log } from '../model/log.ts';
import { isTerminalPhase } from '../model/holds.ts';
import { nodeReference } from '../model/pod-ref.ts';
import { isStaticPod } from '../model/pod-source.ts';
import type { NodeClaim } from '../node/node-claim.ts';
import { kubeletVersion } from '../node/node-object.ts';
import { NodeHost } from '../node/node-host.ts';
import { NodeHosts } from '../node/node-hosts.ts';
import { VirtualNode } from '../node/virtual-node.ts';
import { effectiveEvictionHard } from './managers.ts';
import { PodStartup } from '../pods/pod-startup.ts';
import { showState } from './gauges.ts';
import { buildPool, type NodePool } from './pool.ts';
import { NodeSources } from './sources.ts';
import { hostLabels, poolLabels } from '../model/host-labels.ts';
import type { SharedCluster } from './shared-cluster.ts';
import { staticOwner } from '../sync/sources/static-owner.ts';
import { waitAtMost } from './stopping.ts';
import { reportedFaults } from '../telemetry/reported-faults.ts';
import { loggedEvents } from '../telemetry/logged-events.ts';
import { createMetrics, type Metrics } from '../telemetry/metrics.ts';
import { Beat } from '../util/beat.ts';
import type { Clock } from '../util/clock.ts';
import { fenced } from '../util/fence.ts';
import { supervise } from '../util/supervise.ts';

export interface NodeAppOptions {
  readonly config: Config;
  readonly node: NodeConfig;
  readonly nodeIP: string;
  /** UID of the cluster's kube-system namespace, as soon as the API server has told; undefined: there is none */
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
  /** The host that has the pod of this name; the first if none has. */
  hostOf(namespace: string, pod: string): HostApp;
  /**
   * The pods have been listed once: before, what is asked about one can't be answered. `withoutApi`: an API server that was
   * never reached is not waited for.
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
  const metrics: Metrics = createMetrics({
    node: node.name,
    kubeletVersion,
    refresh: () => {
      showState(metrics, apps);
    },
  });
  const recorder =
    cluster === undefined
      ? undefined
      : new Events({
          client: kube,
          clock,
          log,
          host: node.name,
          onDropped: () => {
            metrics.farlet_events_dropped_total.inc();
          },
        });
  const events = recorder ?? loggedEvents(log);
  const report = {
    log,
    events,
    clock,
    node: nodeReference(node.name),
    count: (part: Part) => {
      metrics.farlet_faults_total.inc({ part });
    },
  };
  const faults = reportedFaults(report);
  const supervised = { faults, clock, signal };
  const startup = new PodStartup({
    now: clock.now.bind(clock),
    onStarted: ({ totalSeconds, sliSeconds, isFirstNetworkPod }) => {
      metrics.kubelet_pod_start_total_duration_seconds.observe(totalSeconds);
      if (sliSeconds === undefined) return;
      metrics.kubelet_pod_start_sli_duration_seconds.observe(sliSeconds);
      if (isFirstNetworkPod) metrics.kubelet_first_network_pod_start_sli_duration_seconds.set(sliSeconds);
    },
  });
  const sources = new NodeSources({
    config,
    node,
    client: kube,
    cluster,
    onChanges: (changes) => {
      for (const { kind, pod } of changes) {
        if (kind === 'remove') startup.forget(pod.metadata.uid);
        else if (!isStaticPod(pod)) startup.observed(pod);
      }
      pool.router.apply(changes);
    },
    onListed: () => {
      access.status.relisted();
    },
    clock,
    log,
    faults,
    signal,
  });
  const access = buildClusterAccess({
    kube,
    common: options.common,
    metrics,
    startup,
    clock,
    log,
    onObject: (uids) => {
      for (const app of apps) app.objectsChanged(uids);
    },
  });
  const hosts = node.hosts.map((each) => openHost(each, { ...options, metrics, log }));
  const isPool = hosts.length > 1;
  const nodeHosts = hosts.map((host, index) => {
    const { labels = {}, drain = false } = node.hosts[index] ?? {};
    const app = (): HostApp | undefined => apps.find((other) => other.host === host);
    return new NodeHost({
      host,
      rootDir: node.rootDir,
      labels: isPool ? hostLabels({ name: host.name, labels }) : labels,
      drain,
      // both are asked for the first time when the node runs
      pleg: () => app()?.pleg() ?? { silentMs: undefined, thresholdMs: 0 },
      pressures: () => app()?.pressures() ?? [],
      problem: () => app()?.problem(),
      clock,
      log,
    });
  });
  const self = identity(options);
  const virtualNode: VirtualNode = new VirtualNode({
    identity: self,
    hosts: new NodeHosts({
      identity: self,
      hosts: nodeHosts,
      isDraining: (host) => pool.isDraining(host),
      podsOn: (host) => pool.router.podsOf(host).filter(({ status }) => !isTerminalPhase(status?.phase)),
      clock,
      log,
    }),
    client: cluster === undefined ? undefined : kube,
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
    kube,
    log,
    sources,
    access,
    metrics,
    startup,
    events,
    faults,
    hasCluster: cluster !== undefined,
    isUnsettled: (uid: string) => pool.router.isUnsettled(uid),
  };
  const apps: readonly HostApp[] = nodeHosts.flatMap((nodeHost, index) => {
    const host = hosts[index];
    if (host === undefined) return [];
    const own = isPool ? reportedFaults({ ...report, host: host.name }) : faults;
    return [buildHost({ ...shared, host, faults: own, view: virtualNode.view(nodeHost) })];
  });
  const pool: NodePool = buildPool({ ...shared, hosts: nodeHosts, apps, virtualNode });

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
        supervise('events', async (life) => recorder?.run(life), supervised),
        sources.run(),
        followCluster(),
        supervise('pool', (life) => pool.run(life), supervised),
        ...apps.map((app) => app.run()),
      ]);
    },
    stop: async (rest) => {
      // what still works then is left to itself: what is to be told of the pods must not wait for it
      await waitAtMost(Promise.all(apps.map((app) => app.idle())), { ms: IDLE_MS, clock });
      await Promise.all([recorder?.flush(rest), access.flushStatuses(rest)]);
      await Promise.all(apps.map((app) => app.close()));
    },
  };
}

function identity({ config, node, nodeIP }: NodeAppOptions) {
  const reserved = reservations(config);
  return {
    name: node.name,
    ip: nodeIP,
    port: node.port,
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

function openHost(
  address: HostConfig,
  {
    metrics,
    config,
    node,
    claim,
    clock,
    log,
  }: Pick<NodeAppOptions, 'config' | 'node' | 'claim' | 'clock' | 'log'> & { metrics: Metrics },
): Host {
  const open = openLink(address, {
    clock,
    log,
    // the cluster may not be known yet
    owner: { node: node.name, cluster: staticOwner(node) },
    cgroupDriver: config.cgroupDriver,
  });
  const link = fencedLink(open, claim.host);
  const connected = connectCri({
    endpoint: link.cri(),
    host: link.name,
    onCall: ({ operation, seconds, error }) => {
      metrics.kubelet_runtime_operations_total.inc({ operation_type: operation });
      metrics.kubelet_runtime_operations_duration_seconds.observe({ operation_type: operation }, seconds);
      if (error !== undefined)
        metrics.kubelet_runtime_operations_errors_total.inc({ operation_type: operation });
    },
  });
  const cri = fenced(connected, claim.host, { streams: ['getContainerEvents'], free: ['close'] });
  const host = new Host({
    link,
    cri,
    beat: new Beat(clock),
    clock,
    log,
    sandboxedHandlers: config.sandboxedRuntimeHandlers,
  });
  host.onChange(({ at }) => {
    metrics.farlet_host_up.set({ host: host.name }, at === 'ready' ? 1 : 0);
  });
  return host;
}
