/**
 * What promtool has against names that are a kubelet's or cAdvisor's: by family, how its sentence begins.
 * farlet keeps the names, since dashboards ask for them.
 */

const NO_TOTAL = 'counter metrics should have "_total" suffix';

/** pkg/kubelet/metrics/metrics.go */
export const kubeletNames: ReadonlyMap<string, string> = new Map([
  ['kubelet_evictions', NO_TOTAL],
  ['kubelet_pleg_discard_events', NO_TOTAL],
  ['kubelet_preemptions', NO_TOTAL],
  ['kubelet_server_expiration_renew_errors', NO_TOTAL],
]);

/** cadvisor/metrics/prometheus.go */
export const cadvisorNames: ReadonlyMap<string, string> = new Map([
  ['cadvisor_version_info', "label names should be written in 'snake_case'"],
  ['container_fs_inodes_total', 'non-counter metrics should not have "_total" suffix'],
  ['container_memory_failcnt', NO_TOTAL],
]);
