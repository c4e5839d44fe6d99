/**
 * What kubernetes-mixin's rules, alerts and dashboards ask of kubelets, as far as it needs nothing of
 * kube-state-metrics: its metrics, functions and labels, with the windows of a test.
 */

const kubelet = 'job="kubelet", metrics_path="/metrics"';
const cadvisor = 'job="kubelet", metrics_path="/metrics/cadvisor", image!=""';
const WINDOW = '1m';
const rate = (metric: string, selector: string): string => `rate(${metric}{${selector}}[${WINDOW}])`;
const quantile = (metric: string, by: string, of = '0.99'): string =>
  `histogram_quantile(${of}, sum(${rate(`${metric}_bucket`, kubelet)}) by (instance, ${by}le))`;

/** Recording rules: kubelet.rules, and those of k8s.rules without their join with kube_pod_info. */
export const recordingRules: readonly {
  readonly record: string;
  readonly expr: string;
  readonly labels?: object;
}[] = [
  ...['0.99', '0.9', '0.5'].map((of) => ({
    record: 'node_quantile:kubelet_pleg_relist_duration_seconds:histogram_quantile',
    expr: `histogram_quantile(${of}, sum(${rate('kubelet_pleg_relist_duration_seconds_bucket', kubelet)}) by (instance, le) * on (instance) group_left (node) max by (instance, node) (kubelet_node_name{${kubelet}}))`,
    labels: { quantile: of },
  })),
  {
    record: 'namespace_pod_container:container_cpu_usage_seconds_total:sum_rate',
    expr: `sum by (namespace, pod, container) (${rate('container_cpu_usage_seconds_total', cadvisor)})`,
  },
  ...['working_set_bytes', 'rss', 'cache'].map((what) => ({
    record: `namespace_pod_container:container_memory_${what}`,
    expr: `container_memory_${what}{${cadvisor}}`,
  })),
];

/** Alerts: their left sides, which are to be there for a right side to be compared with. */
const alerts: readonly string[] = [
  'node_quantile:kubelet_pleg_relist_duration_seconds:histogram_quantile{quantile="0.99"}',
  `${quantile('kubelet_pod_worker_duration_seconds', '')} * on (instance) group_left (node) kubelet_node_name{${kubelet}}`,
  `increase(kubelet_server_expiration_renew_errors[${WINDOW}])`,
  `kubelet_certificate_manager_server_ttl_seconds`,
  `up{${kubelet}} == 1`,
  `sum(increase(container_cpu_cfs_throttled_periods_total{container!="", job="kubelet", metrics_path="/metrics/cadvisor"}[${WINDOW}])) without (id, metrics_path, name, image, endpoint, job, node) / sum(increase(container_cpu_cfs_periods_total{job="kubelet", metrics_path="/metrics/cadvisor"}[${WINDOW}])) without (id, metrics_path, name, image, endpoint, job, node)`,
];

/** The dashboard of kubelets, panel by panel. */
const kubeletDashboard: readonly string[] = [
  `sum(kubelet_node_name{${kubelet}})`,
  `sum(kubelet_running_pods{${kubelet}}) by (instance)`,
  `sum(kubelet_running_containers{${kubelet}}) by (instance)`,
  `sum(volume_manager_total_volumes{${kubelet}, state="actual_state_of_world"}) by (instance)`,
  `sum(volume_manager_total_volumes{${kubelet}, state="desired_state_of_world"}) by (instance)`,
  `sum(${rate('kubelet_runtime_operations_total', kubelet)}) by (operation_type, instance)`,
  `sum(${rate('kubelet_runtime_operations_errors_total', kubelet)}) by (instance, operation_type)`,
  quantile('kubelet_runtime_operations_duration_seconds', 'operation_type, '),
  `sum(${rate('kubelet_pod_start_duration_seconds_count', kubelet)}) by (instance)`,
  `sum(${rate('kubelet_pod_worker_duration_seconds_count', kubelet)}) by (instance)`,
  quantile('kubelet_pod_start_duration_seconds', ''),
  quantile('kubelet_pod_worker_duration_seconds', ''),
  `sum(${rate('storage_operation_duration_seconds_count', kubelet)}) by (instance, operation_name, volume_plugin)`,
  quantile('storage_operation_duration_seconds', 'operation_name, volume_plugin, '),
  `sum(${rate('kubelet_cgroup_manager_duration_seconds_count', kubelet)}) by (instance, operation_type)`,
  quantile('kubelet_cgroup_manager_duration_seconds', 'operation_type, '),
  `sum(${rate('kubelet_pleg_relist_duration_seconds_count', kubelet)}) by (instance)`,
  quantile('kubelet_pleg_relist_interval_seconds', ''),
  quantile('kubelet_pleg_relist_duration_seconds', ''),
  `sum(rate(rest_client_requests_total{${kubelet}, code=~"2.."}[${WINDOW}]))`,
  quantile('rest_client_request_duration_seconds', 'verb, '),
  `process_resident_memory_bytes{${kubelet}}`,
  `rate(process_cpu_seconds_total{${kubelet}}[${WINDOW}])`,
];

const ofPods = 'job="kubelet", metrics_path="/metrics/cadvisor"';
/** Dashboards of namespaces and pods: of processors, memory, network and disks. */
const podDashboards: readonly string[] = [
  'sum(namespace_pod_container:container_cpu_usage_seconds_total:sum_rate) by (namespace, pod)',
  `sum(container_memory_working_set_bytes{${ofPods}, container!="", image!=""}) by (namespace, pod, container)`,
  `sum(container_memory_rss{${ofPods}, container!=""}) by (container)`,
  `sum(container_memory_cache{${ofPods}, container!=""}) by (container)`,
  ...['receive', 'transmit'].flatMap((way) => [
    `sum(${rate(`container_network_${way}_bytes_total`, ofPods)}) by (namespace, pod)`,
    `sum(${rate(`container_network_${way}_packets_total`, ofPods)}) by (namespace, pod)`,
    `sum(${rate(`container_network_${way}_packets_dropped_total`, ofPods)}) by (namespace, pod)`,
  ]),
];

/** What pods read and write, where the kernel counts it by control group. */
export const diskQueries: readonly string[] = [
  ...['reads', 'writes'].flatMap((way) => [
    `ceil(sum by (namespace, pod) (${rate(`container_fs_${way}_total`, `${ofPods}, container!=""`)}))`,
    `sum by (namespace, pod) (${rate(`container_fs_${way}_bytes_total`, `${ofPods}, container!=""`)})`,
  ]),
];

/** Of the other two pages. */
const otherPages: readonly string[] = [
  'sum by (result) (prober_probe_total{job="kubelet", metrics_path="/metrics/probes"})',
  'sum by (node) (rate(node_cpu_usage_seconds_total{metrics_path="/metrics/resource"}[1m]))',
  'sum by (namespace, pod) (pod_memory_working_set_bytes{metrics_path="/metrics/resource"})',
  'sum by (namespace, pod) (rate(container_cpu_usage_seconds_total{metrics_path="/metrics/resource"}[1m]))',
];

export const kubeletQueries: readonly string[] = [
  ...alerts,
  ...kubeletDashboard,
  ...podDashboards,
  ...otherPages,
];
