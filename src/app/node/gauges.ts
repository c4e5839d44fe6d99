/**
 * Brings a node's gauges up to date that tell of what is, not of what happens: only when they are asked for.
 */
import type { HostApp } from '../host/host.ts';
import type { HostCounts } from '../host/host-counts.ts';
import type { KubeNode } from '../../model/kube.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import { queued } from '../../sync/sync-queue.ts';
import { sumOfLoads } from '../../sync/workers/workers-load.ts';

/** Shows what is; what has not changed since it was shown stays as it is. */
export function stateShower(metrics: Metrics, apps: readonly HostApp[]): () => void {
  let shown: readonly HostCounts[] = [];
  return () => {
    const counts = apps.map((app) => app.counts());
    if (counts.some((each, index) => each !== shown[index])) showCounts(metrics, counts);
    shown = counts;
    metrics.kubelet_mirror_pods.set(sum(apps, (app) => app.mirrorPods()));
    showQueues(metrics, apps);
    showCgroupVersion(metrics, apps);
    showWorkers(metrics, apps);
    showBacklog(metrics, apps);
    showLinks(metrics, apps);
  };
}

/** The Node's Ready condition, as the API server was told; not told before the Node is registered. */
export function showReadiness(metrics: Metrics, node: KubeNode | undefined): void {
  const ready = node?.status?.conditions?.find(({ type }) => type === 'Ready');
  if (ready !== undefined) metrics.farlet_node_ready.set(ready.status === 'True' ? 1 : 0);
}

function showWorkers(metrics: Metrics, apps: readonly HostApp[]): void {
  const load = sumOfLoads(apps.map((app) => app.workersLoad()));
  for (const state of ['busy', 'resting', 'waiting'] as const)
    metrics.farlet_pod_workers.set({ state }, load[state]);
  metrics.farlet_pod_worker_oldest_seconds.set({ state: 'busy' }, load.oldestBusySeconds);
  metrics.farlet_pod_worker_oldest_seconds.set({ state: 'waiting' }, load.oldestWaitingSeconds);
}

function showCounts(metrics: Metrics, counts: readonly HostCounts[]): void {
  metrics.kubelet_running_pods.set(sum(counts, ({ runtime }) => runtime.ready));
  for (const state of ['created', 'running', 'exited', 'unknown'] as const)
    metrics.kubelet_running_containers.set(
      { container_state: state },
      sum(counts, ({ runtime }) => runtime.containers[state]),
    );
  for (const which of ['desired', 'active'] as const) {
    const gauge = metrics[`kubelet_${which}_pods`];
    gauge.set(
      { static: '' },
      sum(counts, (each) => each[which].fromApi),
    );
    gauge.set(
      { static: 'true' },
      sum(counts, (each) => each[which].static),
    );
  }
  metrics.kubelet_working_pods.reset();
  for (const { count, ...labels } of counts.flatMap(({ working }) => working))
    metrics.kubelet_working_pods.inc(labels, count);
  const { volume_manager_total_volumes: gauge } = metrics;
  gauge.reset();
  for (const { plugin, wanted, ready } of counts.flatMap(({ volumes }) => volumes)) {
    gauge.inc({ plugin_name: plugin, state: 'desired_state_of_world' }, wanted);
    if (ready > 0) gauge.inc({ plugin_name: plugin, state: 'actual_state_of_world' }, ready);
  }
}

function showQueues(metrics: Metrics, apps: readonly HostApp[]): void {
  const depths = apps.map(({ queue }) => queue.depth());
  for (const kind of queued)
    metrics.farlet_queue_depth.set(
      { queue: kind },
      sum(depths, (each) => each[kind]),
    );
}

/** All hosts of a node write their pods' statuses through one. */
function showBacklog(metrics: Metrics, [app]: readonly HostApp[]): void {
  const { count, oldestMs } = app?.status.backlog() ?? { count: 0, oldestMs: 0 };
  metrics.farlet_pod_statuses_waiting.set(count);
  metrics.farlet_pod_status_oldest_seconds.set(oldestMs / 1000);
}

function showLinks(metrics: Metrics, apps: readonly HostApp[]): void {
  metrics.farlet_host_connections_total.reset();
  metrics.farlet_host_bytes_total.reset();
  for (const { host } of apps) {
    showLink(metrics, host);
    for (const { use, open, waiting } of host.link.dials?.() ?? []) {
      metrics.farlet_host_dials.set({ host: host.name, use, state: 'open' }, open);
      metrics.farlet_host_dials.set({ host: host.name, use, state: 'waiting' }, waiting);
    }
  }
}

/** What links count by themselves is told as it stands. */
function showLink(metrics: Metrics, { name, link }: HostApp['host']): void {
  const made = link.connections?.();
  if (made === undefined) return;
  metrics.farlet_host_connections_total.inc({ host: name }, made);
  metrics.farlet_host_link_up.set({ host: name }, made > 0 && link.fault?.() === undefined ? 1 : 0);
  const { received = 0, sent = 0 } = link.traffic?.() ?? {};
  metrics.farlet_host_bytes_total.inc({ host: name, direction: 'received' }, received);
  metrics.farlet_host_bytes_total.inc({ host: name, direction: 'sent' }, sent);
}

/** Of several hosts the lowest: the one to be looked at. Not told before a host was seen. */
function showCgroupVersion({ kubelet_cgroup_version }: Metrics, apps: readonly HostApp[]): void {
  const versions = apps.map((app) => app.cgroupVersion()).filter((version) => version !== undefined);
  if (versions.length === 0) kubelet_cgroup_version.remove();
  else kubelet_cgroup_version.set(Math.min(...versions));
}

function sum<T>(all: readonly T[], of: (each: T) => number): number {
  return all.reduce((total, each) => total + of(each), 0);
}
