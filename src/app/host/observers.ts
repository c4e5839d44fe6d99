/** What happens on a host, as a kubelet's metrics: an observer for each room. */
import type { ConnectCriOptions } from '../../hosts/cri/connect.ts';
import type { RequestObserver } from '../../hosts/link/host-request.ts';
import type { Pod } from '../../model/kube.ts';
import { firstSeen, isStaticPod } from '../../model/pod-source.ts';
import type { PodStartupOptions } from '../../pods/pod-startup.ts';
import type { ProberOptions } from '../../pods/probes/prober.ts';
import type { PodVolumesOptions } from '../../pods/volumes/pod-volumes.ts';
import type { VolumeObservation } from '../../pods/volumes/volume-observation.ts';
import type { RuntimeMetrics } from '../../runtime/spec/providers.ts';
import type { PlegObserver } from '../../sync/sources/pleg.ts';
import type { SyncLoopOptions } from '../../sync/sync-loop.ts';
import type { PodWorkersOptions } from '../../sync/workers/pod-workers.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { HostUsageReaderOptions } from '../../usage/host-reader.ts';
import type { Clock } from '../../util/clock.ts';

export function plegObserver(metrics: Metrics): PlegObserver {
  return {
    relisted: (seconds) => {
      metrics.kubelet_pleg_relist_duration_seconds.observe(seconds);
    },
    interval: (seconds) => {
      metrics.kubelet_pleg_relist_interval_seconds.observe(seconds);
    },
    podRelisted: (seconds) => {
      metrics.kubelet_pleg_pod_relist_duration_seconds.observe(seconds);
    },
    lastSeen: (at) => {
      metrics.kubelet_pleg_last_seen_seconds.set(at / 1000);
    },
  };
}

export function criObserver(metrics: Metrics, host: string): NonNullable<ConnectCriOptions['onCall']> {
  return ({ operation, seconds, error }) => {
    metrics.farlet_host_rpcs_total.inc({ host, method: operation, code: error?.codeName ?? 'OK' });
    // an answer that never came is no round trip
    if (operation === 'status' && error === undefined)
      metrics.farlet_host_round_trip_seconds.observe({ host }, seconds);
    metrics.kubelet_runtime_operations_total.inc({ operation_type: operation });
    metrics.kubelet_runtime_operations_duration_seconds.observe({ operation_type: operation }, seconds);
    if (error !== undefined)
      metrics.kubelet_runtime_operations_errors_total.inc({ operation_type: operation });
  };
}

export function requestObserver(metrics: Metrics, host: string): RequestObserver {
  return ({ pace, seconds, answered }) => {
    if (answered) metrics.farlet_host_request_duration_seconds.observe({ host, pace }, seconds);
    else metrics.farlet_host_request_errors_total.inc({ host, pace });
  };
}

export function usageObserver(
  metrics: Metrics,
  host: string,
): NonNullable<HostUsageReaderOptions['onReading']> {
  return ({ detail, seconds, failed }) => {
    metrics.farlet_usage_readings_total.inc({ host, result: failed ? 'failed' : 'read' });
    if (!failed) metrics.farlet_usage_reading_duration_seconds.observe({ host, detail }, seconds);
  };
}

export function startupObserver(metrics: Metrics): PodStartupOptions['onStarted'] {
  return ({ totalSeconds, sliSeconds, isFirstNetworkPod }) => {
    metrics.kubelet_pod_start_total_duration_seconds.observe(totalSeconds);
    if (sliSeconds === undefined) return;
    metrics.kubelet_pod_start_sli_duration_seconds.observe(sliSeconds);
    if (isFirstNetworkPod) metrics.kubelet_first_network_pod_start_sli_duration_seconds.set(sliSeconds);
  };
}

export function syncLoopObserver(metrics: Metrics): SyncLoopOptions['observer'] {
  return {
    event: (kind, count) => {
      metrics.farlet_sync_loop_events_total.inc({ kind }, count);
    },
    iteration: (seconds) => {
      metrics.farlet_sync_loop_iteration_duration_seconds.observe(seconds);
    },
  };
}

export function workersObserver(
  metrics: Metrics,
  clock: Pick<Clock, 'now'>,
): Pick<PodWorkersOptions, 'onStarted' | 'onRestarted' | 'onStep'> {
  return {
    onStarted: (pod) => {
      observeSinceSeen(pod, metrics.kubelet_pod_worker_start_duration_seconds, clock);
      metrics.kubelet_containers_per_pod_count.observe(pod.spec.containers.length);
    },
    onRestarted: (pod) => {
      metrics.kubelet_restarted_pods_total.inc({ static: isStaticPod(pod) ? 'true' : '' });
    },
    onStep: (kind, seconds) => {
      metrics.kubelet_pod_worker_duration_seconds.observe({ operation_type: kind }, seconds);
    },
  };
}

/** Seconds since the pod was first seen, if it is known when. */
export function observeSinceSeen(
  pod: Pod,
  histogram: { observe(seconds: number): void },
  clock: Pick<Clock, 'now'>,
): void {
  const at = firstSeen(pod);
  if (at !== undefined) histogram.observe(Math.max(0, clock.now() - at) / 1000);
}

export function runtimeMetrics(metrics: Metrics): RuntimeMetrics {
  return {
    podStarting: () => {
      metrics.kubelet_started_pods_total.inc();
    },
    podStartFailed: () => {
      metrics.kubelet_started_pods_errors_total.inc();
    },
    sandboxRun: ({ runtimeHandler, seconds, failed }) => {
      metrics.kubelet_run_podsandbox_duration_seconds.observe({ runtime_handler: runtimeHandler }, seconds);
      if (failed) metrics.kubelet_run_podsandbox_errors_total.inc({ runtime_handler: runtimeHandler });
    },
    containerStarting: (type) => {
      metrics.kubelet_started_containers_total.inc({ container_type: type });
    },
    containerStartFailed: (type, code) => {
      metrics.kubelet_started_containers_errors_total.inc({ container_type: type, code });
    },
    hookFellBack: () => {
      metrics.kubelet_lifecycle_handler_http_fallbacks_total.inc();
    },
    sleepCut: () => {
      metrics.kubelet_sleep_action_terminated_early_total.inc();
    },
  };
}

export function probeObserver(metrics: Metrics): Required<Pick<ProberOptions, 'observe' | 'onEnd'>> {
  return {
    observe: ({ kind, pod, container, result, seconds }) => {
      const series = probeSeries(pod, kind, container);
      metrics.prober_probe_total.inc({ ...series, result, pod_uid: pod.metadata.uid });
      if (result !== 'failed') metrics.prober_probe_duration_seconds.observe(series, seconds);
    },
    onEnd: ({ kind, pod, container }) => {
      const series = probeSeries(pod, kind, container);
      for (const result of ['successful', 'failed', 'unknown'])
        metrics.prober_probe_total.remove({ ...series, result, pod_uid: pod.metadata.uid });
      metrics.prober_probe_duration_seconds.remove(series);
    },
  };
}

function probeSeries(pod: Pod, kind: string, container: string): Record<string, string> {
  const { name, namespace } = pod.metadata;
  return { probe_type: kind, container, pod: name, namespace };
}

export function volumeObserver(metrics: Metrics): {
  readonly observe: (observation: VolumeObservation) => void;
  readonly onReady: NonNullable<PodVolumesOptions['onReady']>;
} {
  return {
    observe: ({ plugin, operation, failed, seconds }) => {
      metrics.storage_operation_duration_seconds.observe(
        {
          volume_plugin: plugin,
          operation_name: operation,
          status: failed ? 'fail-unknown' : 'success',
          migrated: 'false',
        },
        seconds,
      );
    },
    onReady: (plugin, seconds) => {
      metrics.volume_operation_total_seconds.observe(
        { plugin_name: plugin, operation_name: 'overall_volume_mount' },
        seconds,
      );
    },
  };
}
