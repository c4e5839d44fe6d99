/**
 * Brings a node's gauges up to date that tell of what is, not of what happens: only when they are asked for.
 */
import type { HostApp } from '../host/host.ts';
import type { KubeNode, Pod } from '../../model/kube.ts';
import { isStaticPod } from '../../model/pod-source.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import { sumOfLoads } from '../../sync/workers/workers-load.ts';
import { workingPodCounts } from '../../sync/workers/working-pods.ts';

export function showState(metrics: Metrics, apps: readonly HostApp[]): void {
  const counts = apps.map(({ cache }) => cache.counts());
  metrics.kubelet_running_pods.set(counts.reduce((sum, { ready }) => sum + ready, 0));
  for (const state of ['created', 'running', 'exited', 'unknown'] as const)
    metrics.kubelet_running_containers.set(
      { container_state: state },
      counts.reduce((sum, { containers }) => sum + containers[state], 0),
    );
  const desired = apps.flatMap(({ table }) => table.all());
  const staticPods = new Set(desired.filter(isStaticPod));
  showPods(metrics.kubelet_desired_pods, desired, staticPods);
  showPods(
    metrics.kubelet_active_pods,
    apps.flatMap((app) => app.activePods()),
    staticPods,
  );
  metrics.kubelet_mirror_pods.set(apps.reduce((sum, app) => sum + app.mirrorPods(), 0));
  for (const { count, ...labels } of workingPodCounts(apps.flatMap((app) => app.workingPods())))
    metrics.kubelet_working_pods.set(labels, count);
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
  showCgroupVersion(metrics, apps);
  showWorkers(metrics, apps);
  const { count, oldestMs } = apps[0]?.status.backlog() ?? { count: 0, oldestMs: 0 };
  metrics.farlet_pod_statuses_waiting.set(count);
  metrics.farlet_pod_status_oldest_seconds.set(oldestMs / 1000);
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

function showPods(
  gauge: Metrics['kubelet_desired_pods' | 'kubelet_active_pods'],
  pods: readonly Pod[],
  staticPods: ReadonlySet<Pod>,
): void {
  const count = pods.filter((pod) => staticPods.has(pod)).length;
  gauge.set({ static: '' }, pods.length - count);
  gauge.set({ static: 'true' }, count);
}

function showVolumeTotals(
  { volume_manager_total_volumes: gauge }: Metrics,
  totals: readonly { plugin: string; wanted: number; ready: number }[],
): void {
  gauge.reset();
  for (const { plugin, wanted, ready } of totals) {
    gauge.inc({ plugin_name: plugin, state: 'desired_state_of_world' }, wanted);
    if (ready > 0) gauge.inc({ plugin_name: plugin, state: 'actual_state_of_world' }, ready);
  }
}

/** Of several hosts the lowest: the one to be looked at. Not told before a host was seen. */
function showCgroupVersion({ kubelet_cgroup_version }: Metrics, apps: readonly HostApp[]): void {
  const versions = apps.map((app) => app.cgroupVersion()).filter((version) => version !== undefined);
  if (versions.length === 0) kubelet_cgroup_version.remove();
  else kubelet_cgroup_version.set(Math.min(...versions));
}
