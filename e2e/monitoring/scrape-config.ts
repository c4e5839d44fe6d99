/**
 * What the Prometheus operator makes of a ServiceMonitor: a scrape configuration for each of its endpoints.
 * As far as the monitors of farlet's chart and of kube-prometheus-stack's kubelets go. Pure.
 */

export interface Relabeling {
  readonly sourceLabels?: readonly string[];
  readonly separator?: string;
  readonly targetLabel?: string;
  readonly regex?: string;
  readonly replacement?: string;
  readonly action?: string;
}

export interface Endpoint {
  readonly port: string;
  readonly path?: string;
  readonly scheme?: 'http' | 'https';
  readonly interval?: string;
  readonly scrapeTimeout?: string;
  readonly honorLabels?: boolean;
  readonly honorTimestamps?: boolean;
  readonly bearerTokenFile?: string;
  readonly tlsConfig?: { readonly insecureSkipVerify?: boolean };
  readonly relabelings?: readonly Relabeling[];
  readonly metricRelabelings?: readonly Relabeling[];
}

export interface ServiceMonitor {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: {
    readonly jobLabel?: string;
    readonly namespaceSelector?: { readonly matchNames: readonly string[] };
    readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
    readonly endpoints: readonly Endpoint[];
  };
}

export interface ScrapeOptions {
  readonly kubeconfig: string;
  /** in place of a pod's own */
  readonly tokenFile: string;
  /** in place of every interval that a monitor names */
  readonly interval: string;
}

export function scrapeConfigs(
  monitor: ServiceMonitor,
  { kubeconfig, tokenFile, interval }: ScrapeOptions,
): object[] {
  const { metadata, spec } = monitor;
  const namespaces = spec.namespaceSelector?.matchNames ?? [metadata.namespace];
  return spec.endpoints.map((endpoint, index) => ({
    job_name: `serviceMonitor/${metadata.namespace}/${metadata.name}/${index}`,
    kubernetes_sd_configs: [
      { role: 'endpointslice', kubeconfig_file: kubeconfig, namespaces: { names: namespaces } },
    ],
    scrape_interval: interval,
    scrape_timeout: interval,
    metrics_path: endpoint.path ?? '/metrics',
    scheme: endpoint.scheme ?? 'http',
    honor_labels: endpoint.honorLabels ?? false,
    honor_timestamps: endpoint.honorTimestamps ?? true,
    ...(endpoint.bearerTokenFile === undefined ? {} : { authorization: { credentials_file: tokenFile } }),
    ...(endpoint.tlsConfig === undefined
      ? {}
      : { tls_config: { insecure_skip_verify: endpoint.tlsConfig.insecureSkipVerify ?? false } }),
    relabel_configs: [
      ...Object.entries(spec.selector.matchLabels).map(([label, value]) => ({
        action: 'keep',
        source_labels: [`__meta_kubernetes_service_label_${labelName(label)}`],
        regex: value,
      })),
      { action: 'keep', source_labels: ['__meta_kubernetes_endpointslice_port_name'], regex: endpoint.port },
      ...namesOfTargets(spec.jobLabel),
      { target_label: 'endpoint', replacement: endpoint.port },
      ...(endpoint.relabelings ?? []).map(inSnakeCase),
    ],
    metric_relabel_configs: (endpoint.metricRelabelings ?? []).map(inSnakeCase),
  }));
}

/** The labels that the operator gives targets, before those that a monitor asks for. */
function namesOfTargets(jobLabel: string | undefined): object[] {
  const kind = '__meta_kubernetes_endpointslice_address_target_kind';
  const name = '__meta_kubernetes_endpointslice_address_target_name';
  return [
    {
      source_labels: [kind, name],
      separator: ';',
      regex: 'Node;(.*)',
      target_label: 'node',
      replacement: '$1',
    },
    {
      source_labels: [kind, name],
      separator: ';',
      regex: 'Pod;(.*)',
      target_label: 'pod',
      replacement: '$1',
    },
    { source_labels: ['__meta_kubernetes_namespace'], target_label: 'namespace' },
    { source_labels: ['__meta_kubernetes_service_name'], target_label: 'service' },
    { source_labels: ['__meta_kubernetes_service_name'], target_label: 'job' },
    ...(jobLabel === undefined
      ? []
      : [
          {
            source_labels: [`__meta_kubernetes_service_label_${labelName(jobLabel)}`],
            regex: '(.+)',
            target_label: 'job',
            replacement: '$1',
          },
        ]),
  ];
}

function labelName(label: string): string {
  return label.replaceAll(/[^a-zA-Z0-9_]/g, '_');
}

function inSnakeCase(relabeling: Relabeling): object {
  return Object.fromEntries(
    Object.entries(relabeling).map(([key, value]) => [
      key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      value as unknown,
    ]),
  );
}

const ofKubelet = {
  port: 'https-metrics',
  scheme: 'https',
  honorLabels: true,
  honorTimestamps: true,
  bearerTokenFile: '/var/run/secrets/kubernetes.io/serviceaccount/token',
  tlsConfig: { insecureSkipVerify: true },
  relabelings: [{ action: 'replace', sourceLabels: ['__metrics_path__'], targetLabel: 'metrics_path' }],
} as const;
const dropped = (...patterns: readonly string[]): readonly Relabeling[] =>
  patterns.map((regex) => ({ action: 'drop', sourceLabels: ['__name__'], regex }));

/** kube-prometheus-stack's for kubelets, with /metrics/resource, which it has off by default. */
export const kubeletMonitor: ServiceMonitor = {
  metadata: { name: 'kube-prometheus-stack-kubelet', namespace: 'monitoring' },
  spec: {
    jobLabel: 'k8s-app',
    namespaceSelector: { matchNames: ['kube-system'] },
    selector: { matchLabels: { 'app.kubernetes.io/name': 'kubelet', 'k8s-app': 'kubelet' } },
    endpoints: [
      {
        ...ofKubelet,
        metricRelabelings: [
          {
            action: 'drop',
            sourceLabels: ['__name__', 'le'],
            regex:
              '(csi_operations|storage_operation_duration)_seconds_bucket;(0.25|2.5|15|25|120|600)(\\.0)?',
          },
        ],
      },
      {
        ...ofKubelet,
        path: '/metrics/cadvisor',
        interval: '10s',
        metricRelabelings: [
          ...dropped(
            'container_cpu_(cfs_throttled_seconds_total|load_average_10s|system_seconds_total|user_seconds_total)',
            'container_fs_(io_current|io_time_seconds_total|io_time_weighted_seconds_total|reads_merged_total|sector_reads_total|sector_writes_total|writes_merged_total)',
            'container_memory_(mapped_file|swap)',
            'container_(file_descriptors|tasks_state|threads_max)',
            'container_spec.*',
          ),
          { action: 'drop', sourceLabels: ['id', 'pod'], regex: '.+;' },
        ],
      },
      { ...ofKubelet, path: '/metrics/probes' },
      { ...ofKubelet, path: '/metrics/resource' },
    ],
  },
};
