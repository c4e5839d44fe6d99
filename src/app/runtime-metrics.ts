/** What the runtime tells, as a kubelet's metrics. Composition only. */
import type { RuntimeMetrics } from '../runtime/spec/providers.ts';
import type { Metrics } from '../telemetry/metrics.ts';

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
