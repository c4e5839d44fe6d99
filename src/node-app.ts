/** One virtual node, put together: its hosts, what it knows of the cluster, how its pods get to their host. Composition only. */
import { reservations } from './config/reservations.ts';
import type { Config, HostConfig, NodeConfig } from './config/schema.ts';
import { connectCri } from './cri/connect.ts';
import { buildHost, type HostApp } from './host-app.ts';
import { Host } from './hosts/host.ts';
import { openLink } from './hosts/open-link.ts';
import type { KubeConnection } from './kube/connect.ts';
import { Events } from './kube/events.ts';
import { paths } from './kube/paths.ts';
import { watchObjects } from './kube/watch.ts';
import type { Pod } from './model/kube.ts';
import type { Log } from './model/log.ts';
import { NodeHost } from './node/node-host.ts';
import { VirtualNode } from './node/virtual-node.ts';
import { effectiveEvictionHard } from './node-managers.ts';
import { buildPool, type NodePool } from './node-pool.ts';
import { buildSources } from './node-sources.ts';
import { showVolumeTotals } from './node-volumes.ts';
import { hostLabels, poolLabels } from './pool/host-labels.ts';
import { PodChanges } from './sources/pod-changes.ts';
import { createMetrics, type Metrics } from './telemetry/metrics.ts';
import type { Clock } from './util/clock.ts';

export interface NodeAppOptions {
  readonly config: Config;
  readonly node: NodeConfig;
  readonly nodeIP: string;
  /** UID of the cluster's kube-system namespace */
  readonly cluster: string;
  readonly kube: KubeConnection;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** What the rest of the process may ask of a node. */
export interface NodeApp {
  readonly name: string;
  readonly metrics: Metrics;
  readonly hosts: readonly HostApp[];
  /** The host that has the pod of this name; the first if none has. */
  hostOf(namespace: string, pod: string): HostApp;
  /** the API server's pods have been listed once: before, what is asked about a pod can't be answered */
  podsAreKnown(): boolean;
  run(): Promise<void>;
  stop(options: { signal: AbortSignal }): Promise<void>;
}

export function buildNode(options: NodeAppOptions): NodeApp {
  const { config, node, kube, clock, signal } = options;
  const log = options.log.child({ node: node.name });
  const metrics: Metrics = createMetrics({
    node: node.name,
    refresh: () => {
      showState(metrics, apps);
    },
  });
  const events = new Events({
    client: kube,
    clock,
    log,
    host: node.name,
    onDropped: () => {
      metrics.farlet_events_dropped_total.inc();
    },
  });
  const sources = buildSources({
    kube,
    metrics,
    clock,
    log,
    signal,
    onObject: (uids) => {
      for (const app of apps) app.objectsChanged(uids);
    },
  });
  const hosts = node.hosts.map((each) => openHost(each, { metrics, clock, log }));
  const nodeHosts = hosts.map((host, index) => {
    const { labels = {}, drain = false } = node.hosts[index] ?? {};
    const app = (): HostApp | undefined => apps.find((other) => other.host === host);
    return new NodeHost({
      host,
      rootDir: node.rootDir,
      labels: hostLabels({ name: host.name, labels }),
      drain,
      // both are asked for the first time when the node runs
      pleg: () => app()?.pleg() ?? { silentMs: undefined, thresholdMs: 0 },
      pressures: () => app()?.pressures() ?? [],
      clock,
      log,
    });
  });
  const virtualNode: VirtualNode = new VirtualNode({
    identity: identity(options),
    hosts: nodeHosts,
    isDraining: (host) => pool.isDraining(host),
    podsOn: (host) => pool.router.podsOf(host),
    client: kube,
    clock,
    log,
    events,
    updateMs: config.nodeStatusUpdateFrequency,
    reportMs: config.nodeStatusReportFrequency,
    leaseSeconds: config.nodeLeaseDurationSeconds,
  });
  const podsListed = Promise.withResolvers<undefined>();
  let podsAreKnown = false;
  const shared = { ...options, log, sources, metrics, events, podsListed: podsListed.promise };
  const apps: readonly HostApp[] = nodeHosts.flatMap((nodeHost, index) => {
    const host = hosts[index];
    return host === undefined ? [] : [buildHost({ ...shared, host, view: virtualNode.view(nodeHost) })];
  });
  const pool: NodePool = buildPool({ ...shared, hosts: nodeHosts, apps, virtualNode });
  const changes = new PodChanges({ source: 'api', now: () => clock.now() });

  const watchPods = (): Promise<void> =>
    watchObjects<Pod>(
      {
        client: kube,
        clock,
        log,
        path: paths.pods,
        what: 'pods',
        fieldSelector: `spec.nodeName=${node.name}`,
        onEvent: (event) => {
          pool.router.apply(changes.apply(event));
          if (event.type !== 'reset') return;
          podsAreKnown = true;
          podsListed.resolve(undefined);
        },
      },
      { signal },
    );

  return {
    name: node.name,
    metrics,
    hosts: apps,
    hostOf: (namespace, pod) => {
      const found = apps.find(({ table }) => table.find(namespace, pod) !== undefined) ?? apps[0];
      if (found === undefined) throw new Error(`node ${node.name} has no host`);
      return found;
    },
    podsAreKnown: () => podsAreKnown,
    run: async () => {
      await Promise.all([
        virtualNode.run(signal),
        events.run(signal),
        sources.services.run(signal),
        sources.runtimeClasses.run(signal),
        watchPods(),
        pool.run(),
        ...apps.map((app) => app.run()),
      ]);
    },
    stop: async (rest) => {
      const stopped = Promise.all(apps.map((app) => app.stop()));
      await Promise.all([stopped, stopped.then(() => events.flush(rest))]);
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
    hostLabels: poolLabels(node.hosts),
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
  config: HostConfig,
  { metrics, clock, log }: { metrics: Metrics; clock: Clock; log: Log },
): Host {
  const link = openLink(config, { clock, log });
  const cri = connectCri({
    endpoint: link.cri(),
    host: link.name,
    onCall: ({ operation, seconds, error }) => {
      metrics.kubelet_runtime_operations_total.inc({ operation_type: operation });
      metrics.kubelet_runtime_operations_duration_seconds.observe({ operation_type: operation }, seconds);
      if (error !== undefined)
        metrics.kubelet_runtime_operations_errors_total.inc({ operation_type: operation });
    },
  });
  const host = new Host({ link, cri, clock, log });
  host.onChange(({ at }) => {
    metrics.farlet_host_up.set({ host: host.name }, at === 'ready' ? 1 : 0);
  });
  return host;
}

/** Brings gauges up to date that tell of what is, not of what happens. */
function showState(metrics: Metrics, apps: readonly HostApp[]): void {
  const states = apps.flatMap(({ cache }) => cache.states());
  metrics.kubelet_running_pods.set(
    states.filter(({ sandboxes }) => sandboxes.some(({ ready }) => ready)).length,
  );
  for (const state of ['created', 'running', 'exited', 'unknown'] as const) {
    metrics.kubelet_running_containers.set(
      { container_state: state },
      states.flatMap(({ containers }) => containers).filter((each) => each.state === state).length,
    );
  }
  metrics.kubelet_desired_pods.set(
    { static: '' },
    apps.reduce((sum, { table }) => sum + table.size, 0),
  );
  showVolumeTotals(
    metrics,
    apps.flatMap((app) => app.volumeTotals()),
  );
  const depths = apps.flatMap(({ queue }) => Object.entries(queue.depth()));
  for (const [name] of Object.entries(apps[0]?.queue.depth() ?? {}))
    metrics.farlet_queue_depth.set(
      { queue: name },
      depths.reduce((sum, [other, depth]) => (other === name ? sum + depth : sum), 0),
    );
}
