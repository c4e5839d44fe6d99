/**
 * Every metric: the kubelet's under its own names (pkg/kubelet/metrics/metrics.go), and farlet's own.
 * docs/metrics.md lists them.
 */
export const standard = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const podStart = [
  0.5, 1, 2, 3, 4, 5, 6, 8, 10, 20, 30, 45, 60, 120, 180, 240, 300, 360, 480, 600, 900, 1200, 1800, 2700,
  3600,
];
/** As Go computes them: each the product of the one before. */
const operations = Array.from({ length: 13 }).reduce<number[]>(
  (buckets) => [...buckets, (buckets.at(-1) ?? 0) * 2.5],
  [0.005],
);

const httpLabels = ['method', 'path', 'server_type', 'long_running'] as const;

export type Kind = 'counter' | 'gauge' | 'histogram';
export interface Row {
  readonly kind: Kind;
  readonly help: string;
  readonly labels?: readonly string[];
  /**
   * labels whose values farlet does not choose: only a bounded number of values is kept apart
   * (telemetry/bounded-labels.ts)
   */
  readonly open?: readonly string[];
  readonly buckets?: readonly number[];
}

/** What each node has of its own. */
export const table = {
  kubelet_node_name: { kind: 'gauge', help: "The node's name. The count is always 1.", labels: ['node'] },
  kubelet_running_pods: { kind: 'gauge', help: 'Number of pods that have a running pod sandbox' },
  kubelet_running_containers: {
    kind: 'gauge',
    help: 'Number of containers by state',
    labels: ['container_state'],
  },
  kubelet_desired_pods: {
    kind: 'gauge',
    help: 'The number of pods the kubelet is being instructed to run',
    labels: ['static'],
  },
  kubelet_active_pods: {
    kind: 'gauge',
    help: 'Pods that hold resources of the node, which is what admission counts',
    labels: ['static'],
  },
  kubelet_working_pods: {
    kind: 'gauge',
    help: 'Pods that have a worker, by what it does and by the source they came from',
    labels: ['lifecycle', 'config', 'static'],
  },
  kubelet_orphaned_runtime_pods_total: {
    kind: 'counter',
    help: 'Pods that the runtime had and no source reported',
  },
  kubelet_restarted_pods_total: {
    kind: 'counter',
    help: 'Pods that were removed and came again with the same UID before they were over',
    labels: ['static'],
  },
  kubelet_mirror_pods: {
    kind: 'gauge',
    help: 'The number of mirror pods the kubelet will try to create (one per admitted static pod)',
  },
  kubelet_pod_worker_duration_seconds: {
    kind: 'histogram',
    help: 'Duration in seconds to sync a single pod, by operation type',
    labels: ['operation_type'],
    buckets: standard,
  },
  kubelet_pod_worker_start_duration_seconds: {
    kind: 'histogram',
    help: 'Seconds from the first report of a pod to when its worker began',
    buckets: standard,
  },
  kubelet_pod_start_duration_seconds: {
    kind: 'histogram',
    help: 'Duration in seconds from kubelet seeing a pod for the first time to the pod starting to run',
    buckets: podStart,
  },
  kubelet_pod_start_total_duration_seconds: {
    kind: 'histogram',
    help: "Seconds from a pod's creation to when the watch shows that all its containers run",
    buckets: podStart,
  },
  kubelet_pod_start_sli_duration_seconds: {
    kind: 'histogram',
    help: 'The same without the time of image pulls and init containers, for pods whose volumes keep no state',
    buckets: podStart,
  },
  kubelet_first_network_pod_start_sli_duration_seconds: {
    kind: 'gauge',
    help: 'The first of these seconds since farlet started that is of a pod with a network of its own',
  },
  kubelet_pod_status_sync_duration_seconds: {
    kind: 'histogram',
    help: 'Duration in seconds to sync a pod status update',
    buckets: [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 20, 30, 45, 60],
  },
  kubelet_pleg_relist_duration_seconds: {
    kind: 'histogram',
    help: 'Duration in seconds for relisting pods in PLEG',
    buckets: standard,
  },
  kubelet_pleg_relist_interval_seconds: {
    kind: 'histogram',
    help: 'Seconds from the start of a relist that succeeded to the start of the next',
    buckets: standard,
  },
  kubelet_pleg_pod_relist_duration_seconds: {
    kind: 'histogram',
    help: 'Seconds that observing everything of one pod took',
    buckets: standard,
  },
  kubelet_pleg_discard_events: {
    kind: 'counter',
    help: 'Events of the PLEG that were dropped: always 0, since they are merged by pod',
  },
  kubelet_pleg_last_seen_seconds: {
    kind: 'gauge',
    help: 'Timestamp in seconds when PLEG was last seen active',
  },
  kubelet_runtime_operations_total: {
    kind: 'counter',
    help: 'Cumulative number of runtime operations by operation type',
    labels: ['operation_type'],
  },
  kubelet_runtime_operations_errors_total: {
    kind: 'counter',
    help: 'Cumulative number of runtime operation errors by operation type',
    labels: ['operation_type'],
  },
  kubelet_runtime_operations_duration_seconds: {
    kind: 'histogram',
    help: 'Duration in seconds of runtime operations, by operation type',
    labels: ['operation_type'],
    buckets: operations,
  },
  kubelet_run_podsandbox_duration_seconds: {
    kind: 'histogram',
    help: 'Duration in seconds of the run_podsandbox operations, by RuntimeClass handler',
    labels: ['runtime_handler'],
    buckets: standard,
    open: ['runtime_handler'],
  },
  kubelet_run_podsandbox_errors_total: {
    kind: 'counter',
    help: 'Cumulative number of the run_podsandbox operation errors by RuntimeClass handler',
    labels: ['runtime_handler'],
    open: ['runtime_handler'],
  },
  kubelet_started_pods_total: { kind: 'counter', help: 'Cumulative number of pods started' },
  kubelet_started_pods_errors_total: {
    kind: 'counter',
    help: 'Cumulative number of errors when starting pods',
  },
  kubelet_started_containers_total: {
    kind: 'counter',
    help: 'Cumulative number of containers started',
    labels: ['container_type'],
  },
  kubelet_started_containers_errors_total: {
    kind: 'counter',
    help: 'Cumulative number of errors when starting containers',
    labels: ['container_type', 'code'],
    open: ['code'],
  },
  kubelet_terminated_containers_total: {
    kind: 'counter',
    help: 'Containers that ended',
    labels: ['container_type', 'exit_code', 'reason'],
    open: ['exit_code', 'reason'],
  },
  kubelet_containers_per_pod_count: {
    kind: 'histogram',
    help: 'Containers of each pod that is to run, init containers left out',
    buckets: [1, 2, 4, 8, 16],
  },
  kubelet_image_pull_duration_seconds: {
    kind: 'histogram',
    help: "Seconds of each image pull that succeeded, with waiting, by the image's size",
    labels: ['image_size_in_bytes'],
    buckets: [1, 5, 10, 20, 30, 60, 120, 180, 240, 300, 360, 480, 600, 900, 1200, 1800, 2700, 3600],
  },
  kubelet_lifecycle_handler_http_fallbacks_total: {
    kind: 'counter',
    help: 'Hooks over HTTPS that got an answer in plain HTTP, and succeeded with that',
  },
  kubelet_sleep_action_terminated_early_total: {
    kind: 'counter',
    help: 'Sleeps of hooks that were cut short',
  },
  kubelet_cgroup_manager_duration_seconds: {
    kind: 'histogram',
    help: 'Seconds that changes of cgroups on the host took',
    labels: ['operation_type'],
    buckets: standard,
  },
  kubelet_cgroup_version: { kind: 'gauge', help: 'Version of cgroups on the host, the lowest of several' },
  kubelet_preemptions: {
    kind: 'counter',
    help: 'Pods that made room for a critical one, by what was short',
    labels: ['preemption_signal'],
    open: ['preemption_signal'],
  },
  kubelet_admission_rejections_total: {
    kind: 'counter',
    help: 'Cumulative number of pod admission rejections',
    labels: ['reason'],
  },
  kubelet_evictions: {
    kind: 'counter',
    help: 'Cumulative number of pod evictions by eviction signal',
    labels: ['eviction_signal'],
  },
  kubelet_image_garbage_collected_total: {
    kind: 'counter',
    help: 'Total number of images garbage collected by the kubelet, whether through disk usage or image age.',
    labels: ['reason'],
  },
  kubelet_http_requests_total: {
    kind: 'counter',
    help: 'Requests to the kubelet API',
    labels: httpLabels,
  },
  kubelet_http_requests_duration_seconds: {
    kind: 'histogram',
    help: 'Seconds that requests to the kubelet API lasted, streams as long as they were open',
    labels: httpLabels,
    buckets: standard,
  },
  kubelet_http_inflight_requests: {
    kind: 'gauge',
    help: 'Requests to the kubelet API that are under way',
    labels: httpLabels,
  },
  kubelet_certificate_manager_server_ttl_seconds: {
    kind: 'gauge',
    help: "Seconds that the kubelet API's certificate is valid for, negative once it has expired",
  },
  kubelet_certificate_manager_server_rotation_seconds: {
    kind: 'histogram',
    help: 'Seconds that certificates of the kubelet API lived before they were replaced',
    buckets: [60, 3_600, 14_400, 86_400, 604_800, 2_592_000, 7_776_000, 15_552_000, 31_104_000, 124_416_000],
  },
  kubelet_server_expiration_renew_errors: {
    kind: 'counter',
    help: "Requests for the kubelet API's certificate that failed",
  },
  kubelet_certificate_manager_client_ttl_seconds: {
    kind: 'gauge',
    help: 'The same for the certificate that farlet shows the API server; +Inf where it uses none',
  },
  storage_operation_duration_seconds: {
    kind: 'histogram',
    help: 'Storage operation duration',
    labels: ['volume_plugin', 'operation_name', 'status', 'migrated'],
    buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 25, 50, 120, 300, 600],
    open: ['volume_plugin'],
  },
  volume_operation_total_seconds: {
    kind: 'histogram',
    help: 'Storage operation end to end duration in seconds',
    labels: ['plugin_name', 'operation_name'],
    buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 25, 50, 120, 300, 600],
    open: ['plugin_name'],
  },
  volume_manager_total_volumes: {
    kind: 'gauge',
    help: 'Number of volumes in Volume Manager',
    labels: ['plugin_name', 'state'],
    open: ['plugin_name'],
  },
  prober_probe_duration_seconds: {
    kind: 'histogram',
    help: 'Duration in seconds for a probe response.',
    labels: ['probe_type', 'container', 'pod', 'namespace'],
    buckets: standard,
  },
  prober_probe_total: {
    kind: 'counter',
    help: 'Cumulative number of a probe for a container by result',
    labels: ['probe_type', 'result', 'container', 'pod', 'namespace', 'pod_uid'],
  },
  kubernetes_healthcheck: {
    kind: 'gauge',
    help: 'This metric records the result of a single healthcheck.',
    labels: ['name', 'type'],
  },
  kubernetes_healthchecks_total: {
    kind: 'counter',
    help: 'This metric records the results of all healthcheck.',
    labels: ['name', 'type', 'status'],
  },
  kubernetes_build_info: {
    kind: 'gauge',
    help: 'Always 1; its labels name the kubelet whose behaviour farlet has, and what farlet runs on',
    labels: [
      'major',
      'minor',
      'git_version',
      'git_commit',
      'git_tree_state',
      'build_date',
      'go_version',
      'compiler',
      'platform',
    ],
  },
  farlet_sync_loop_events_total: {
    kind: 'counter',
    help: 'What drove the SyncLoop, by kind',
    labels: ['kind'],
  },
  farlet_sync_loop_iteration_duration_seconds: {
    kind: 'histogram',
    help: 'Duration in seconds of one iteration of the SyncLoop',
    buckets: [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1],
  },
  farlet_queue_depth: {
    kind: 'gauge',
    help: 'Entries that wait for the SyncLoop, by queue',
    labels: ['queue'],
  },
  farlet_pod_workers: {
    kind: 'gauge',
    help: "Pods' workers by what they do: a step (busy), nothing (resting), or waiting to begin",
    labels: ['state'],
  },
  farlet_pod_worker_oldest_seconds: {
    kind: 'gauge',
    help: 'Seconds since the oldest step under way began (busy), or the oldest pod came that waits to begin',
    labels: ['state'],
  },
  farlet_pod_status_writes_total: {
    kind: 'counter',
    help: 'Writes of pod statuses: written, failed (and tried again), or refused since something else was quicker',
    labels: ['result'],
  },
  farlet_pod_statuses_waiting: {
    kind: 'gauge',
    help: 'Pods whose status the API server has not got yet',
  },
  farlet_pod_status_oldest_seconds: {
    kind: 'gauge',
    help: 'Seconds that the oldest status not written yet has been desired for, 0 if there is none',
  },
  farlet_token_requests_total: {
    kind: 'counter',
    help: "Requests for pods' service account tokens, by how they ended: issued or failed",
    labels: ['result'],
  },
  farlet_node_ready: {
    kind: 'gauge',
    help: "Whether the Node's Ready condition is True, as far as farlet has reported it to the API server",
  },
  farlet_host_up: { kind: 'gauge', help: "Whether the host's runtime answers", labels: ['host'] },
  farlet_host_link_up: {
    kind: 'gauge',
    help: 'Whether nothing is wrong with the way to the host, on links that make one (ssh, tcp)',
    labels: ['host'],
  },
  farlet_host_connections_total: {
    kind: 'counter',
    help: 'Times that the way to the host was made, on links that make one: beyond the first it had broken',
    labels: ['host'],
  },
  farlet_host_bytes_total: {
    kind: 'counter',
    help: 'Bytes over the connections to the host, on links that make one, by direction: sent or received',
    labels: ['host', 'direction'],
  },
  farlet_host_round_trip_seconds: {
    kind: 'histogram',
    help: "Seconds until the host's runtime answered with its status, which it is asked for every ten seconds",
    labels: ['host'],
    buckets: standard,
  },
  farlet_host_rpcs_total: {
    kind: 'counter',
    help: "Calls of the host's runtime that have ended, by method (as operation_type) and gRPC code",
    labels: ['host', 'method', 'code'],
  },
  farlet_host_request_duration_seconds: {
    kind: 'histogram',
    help: "Seconds that requests took which the host's shells answer (files, volumes, usage), by how long they may",
    labels: ['host', 'pace'],
    buckets: standard,
  },
  farlet_host_request_errors_total: {
    kind: 'counter',
    help: 'Such requests without an answer: the way to the host broke, or they took too long',
    labels: ['host', 'pace'],
  },
  farlet_host_dials: {
    kind: 'gauge',
    help: 'Connections that start at the host, by what they are for: open, or waiting for a place',
    labels: ['host', 'use', 'state'],
  },
  farlet_kubelet_api_on_host: {
    kind: 'gauge',
    help: "With kubeletAPI: host, whether port 10250 of the host's addresses leads to farlet",
    labels: ['host'],
  },
  farlet_faults_total: {
    kind: 'counter',
    help: 'Unexpected exceptions, by the part of farlet that they failed; the log has their stacks',
    labels: ['part'],
  },
  farlet_kubelet_api_connections: { kind: 'gauge', help: 'Connections to the kubelet API' },
  farlet_streams: {
    kind: 'gauge',
    help: 'Open streams of the kubelet API: exec, attach and port-forward, and logs that are followed',
    labels: ['kind'],
  },
  farlet_streams_refused_total: {
    kind: 'counter',
    help: 'Streams that were refused with 429, by the limit they met: of all, of one user, of one pod',
    labels: ['kind', 'limit'],
  },
  farlet_events_dropped_total: { kind: 'counter', help: 'Kubernetes events that were not recorded' },
  farlet_usage_readings_total: {
    kind: 'counter',
    help: 'Readings of what a host and its pods use, by how they ended: read or failed',
    labels: ['host', 'result'],
  },
  farlet_usage_reading_duration_seconds: {
    kind: 'histogram',
    help: 'Seconds that such readings took, by detail: brief (/metrics/resource) or full',
    labels: ['host', 'detail'],
    buckets: standard,
  },
} as const satisfies Record<string, Row>;

/** What the process has one of, however many nodes it runs; each node's kubelet API shows it as well. */
export const processTable = {
  rest_client_requests_total: {
    kind: 'counter',
    help: 'Number of HTTP requests, partitioned by status code, method, and host',
    labels: ['code', 'method', 'host'],
  },
  rest_client_request_duration_seconds: {
    kind: 'histogram',
    help: 'Seconds until the API server had answered a request, watches left out',
    labels: ['verb', 'host'],
    buckets: [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60],
  },
  farlet_api_watches: {
    kind: 'gauge',
    help: 'Watches at the API server: open, or waiting for a connection or an answer',
    labels: ['state'],
  },
  farlet_access_reviews_waiting: {
    kind: 'gauge',
    help: 'Questions of who a caller is and what he may do that wait for their turn, by kind',
    labels: ['kind'],
  },
  farlet_access_reviews_refused_total: {
    kind: 'counter',
    help: 'Such questions that were not asked because too many waited: their callers got 429',
    labels: ['kind'],
  },
  farlet_file_reload_successful: {
    kind: 'gauge',
    help: 'Whether what a file that is followed holds now is in use. 0: it can not be used, and what it held before is',
    labels: ['file'],
  },
  farlet_file_reload_success_timestamp_seconds: {
    kind: 'gauge',
    help: 'When a followed file was last read and could be used, in seconds since the epoch',
    labels: ['file'],
  },
  farlet_config_last_reload_successful: {
    kind: 'gauge',
    help: 'Whether the process runs by the configuration file as it is now, but for what needs a restart',
  },
  farlet_config_last_reload_success_timestamp_seconds: {
    kind: 'gauge',
    help: 'When the configuration was last taken over, in seconds since the epoch',
  },
  farlet_config_restart_needed: {
    kind: 'gauge',
    help: 'Whether the configuration file has keys that count once farlet is restarted; the log names them',
  },
  farlet_trace_spans_total: {
    kind: 'counter',
    help: 'Spans of traces that the collector took, or that were dropped: it did not take them, or too many waited',
    labels: ['outcome'],
  },
  farlet_node_owned: {
    kind: 'gauge',
    help: 'Whether this farlet runs the node; 0: it waits for its turn, or has lost it',
    labels: ['node'],
  },
  farlet_node_lease_renewed_timestamp_seconds: {
    kind: 'gauge',
    help: "When the node's lease was last renewed, in seconds since the epoch",
    labels: ['node'],
  },
  process_resident_memory_bytes: { kind: 'gauge', help: 'Resident memory size in bytes' },
  process_cpu_seconds_total: { kind: 'counter', help: 'Total user and system CPU time spent in seconds' },
  process_open_fds: { kind: 'gauge', help: 'Number of open file descriptors' },
  process_max_fds: { kind: 'gauge', help: 'Maximum number of open file descriptors' },
  nodejs_active_resources: {
    kind: 'gauge',
    help: 'What keeps the event loop alive, by kind: timers, sockets, file watches and others',
    labels: ['type'],
  },
  nodejs_eventloop_time_seconds_total: {
    kind: 'counter',
    help: 'Seconds that the event loop was active, or idle: waiting for something to happen',
    labels: ['state'],
  },
  nodejs_eventloop_delay_seconds: {
    kind: 'histogram',
    help: 'By how many seconds what was due on the event loop was late, sampled once a second when other things are due',
    buckets: standard,
  },
  process_start_time_seconds: {
    kind: 'gauge',
    help: 'Start time of the process since unix epoch in seconds',
  },
} as const satisfies Record<string, Row>;
