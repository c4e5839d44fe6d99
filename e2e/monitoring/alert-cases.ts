/**
 * For each alert of charts/farlet/files/alerts.yaml: series of which it fires, and ones that are the nearest
 * to them of which it does not. In promtool's notation, a value a minute.
 */

export interface AlertCase {
  readonly alert: string;
  /** labels with which it fires, besides its name and severity */
  readonly labels: Readonly<Record<string, string>>;
  readonly fires: Readonly<Record<string, string>>;
  readonly quiet: Readonly<Record<string, string>>;
  /** minutes at which it fires, and until when it is only pending at the most */
  readonly at: number;
  readonly notBefore: number;
}

const node = { instance: 'i', node: 'a' };
const host = { ...node, host: 'box' };
/** By which rules know farlet's own figures from those of other kubelets and processes. */
const own = { 'farlet_node_owned{instance="i",node="a"}': '1x120' };
/** What a rule of a node, or of a host, tells: not where it was scraped. */
const ofNode = { node: 'a' };
const ofHost = { node: 'a', host: 'box' };
const labelled = (labels: Readonly<Record<string, string>>): string =>
  `{${Object.entries(labels)
    .map(([name, value]) => `${name}="${value}"`)
    .join(',')}}`;
const of = (metric: string, labels: Readonly<Record<string, string>> = node): string =>
  `${metric}${labelled(labels)}`;
/** A histogram of which as many are added each minute, all of them up to `le`. */
const all = (metric: string, labels: Readonly<Record<string, string>>, le: string) =>
  Object.fromEntries(
    ['0.5', '1', '2.5', '5', '10', '+Inf'].map((each) => [
      of(`${metric}_bucket`, { ...labels, le: each }),
      each === '+Inf' || Number(each) >= Number(le) ? '0+60x120' : '0x120',
    ]),
  );

export const alertCases: readonly AlertCase[] = [
  { alert: 'FarletDown', labels: {}, fires: {}, quiet: own, at: 6, notBefore: 4 },
  {
    alert: 'FarletNodeWithoutOwner',
    labels: { node: 'a' },
    fires: { [of('farlet_node_owned')]: '1x10 0x30' },
    // one stands by
    quiet: { ...own, [of('farlet_node_owned', { instance: 'j', node: 'a' })]: '0x40' },
    at: 17,
    notBefore: 14,
  },
  {
    alert: 'FarletLeaseStale',
    labels: { node: 'a' },
    fires: { [of('farlet_node_lease_renewed_timestamp_seconds')]: '0+60x10 600x30' },
    quiet: { [of('farlet_node_lease_renewed_timestamp_seconds')]: '0+60x60' },
    at: 14,
    notBefore: 11,
  },
  {
    alert: 'FarletNodeNotReady',
    labels: ofNode,
    fires: { [of('farlet_node_ready')]: '1x5 0x30' },
    quiet: { [of('farlet_node_ready')]: '1x5 0x3 1x30' },
    at: 12,
    notBefore: 9,
  },
  {
    alert: 'FarletHostDown',
    labels: ofHost,
    fires: { [of('farlet_host_up', host)]: '1x5 0x30' },
    quiet: { [of('farlet_host_up', host)]: '1x5 0x0 1x30' },
    at: 9,
    notBefore: 6,
  },
  {
    alert: 'FarletHostLinkFlapping',
    labels: ofHost,
    fires: { [of('farlet_host_connections_total', host)]: '1x10 1+1x50' },
    // made again once, and farlet itself started again
    quiet: { [of('farlet_host_connections_total', host)]: '1x10 2x20 1x30' },
    at: 30,
    notBefore: 15,
  },
  {
    alert: 'FarletHostSlow',
    labels: ofHost,
    fires: all('farlet_host_round_trip_seconds', host, '2.5'),
    quiet: all('farlet_host_round_trip_seconds', host, '1'),
    at: 20,
    notBefore: 14,
  },
  {
    alert: 'FarletHostCallsFail',
    labels: ofHost,
    fires: {
      [of('farlet_host_up', host)]: '1x60',
      [of('farlet_host_rpcs_total', { ...host, method: 'status', code: 'OK' })]: '0+60x60',
      [of('farlet_host_rpcs_total', { ...host, method: 'list_containers', code: 'Internal' })]: '0+10x60',
    },
    // what is not there is an answer
    quiet: {
      [of('farlet_host_up', host)]: '1x60',
      [of('farlet_host_rpcs_total', { ...host, method: 'status', code: 'OK' })]: '0+60x60',
      [of('farlet_host_rpcs_total', { ...host, method: 'image_status', code: 'NotFound' })]: '0+60x60',
      [of('farlet_host_rpcs_total', { ...host, method: 'list_containers', code: 'Internal' })]: '0+2x60',
    },
    at: 20,
    notBefore: 14,
  },
  {
    alert: 'FarletHostRequestsUnanswered',
    labels: { ...ofHost, pace: 'risky' },
    fires: {
      [of('farlet_host_up', host)]: '1x60',
      [of('farlet_host_request_errors_total', { ...host, pace: 'risky' })]: '0+1x60',
    },
    // while the host is away there is an alert of that
    quiet: {
      [of('farlet_host_up', host)]: '0x60',
      [of('farlet_host_request_errors_total', { ...host, pace: 'risky' })]: '0+1x60',
    },
    at: 25,
    notBefore: 10,
  },
  {
    alert: 'FarletHostConnectionsWait',
    labels: { ...ofHost, use: 'probe' },
    fires: { [of('farlet_host_dials', { ...host, use: 'probe', state: 'waiting' })]: '0x5 3x30' },
    quiet: {
      [of('farlet_host_dials', { ...host, use: 'probe', state: 'waiting' })]: '0x5 3x5 0x30',
      [of('farlet_host_dials', { ...host, use: 'probe', state: 'open' })]: '192x40',
    },
    at: 17,
    notBefore: 14,
  },
  {
    alert: 'FarletKubeletApiNotOnHost',
    labels: ofHost,
    fires: { [of('farlet_kubelet_api_on_host', host)]: '1x5 0x30' },
    quiet: { [of('farlet_kubelet_api_on_host', host)]: '1x5 0x5 1x30' },
    at: 17,
    notBefore: 14,
  },
  {
    alert: 'FarletPodStuck',
    labels: { ...ofNode, state: 'busy' },
    fires: { [of('farlet_pod_worker_oldest_seconds', { ...node, state: 'busy' })]: '0+60x90' },
    quiet: { [of('farlet_pod_worker_oldest_seconds', { ...node, state: 'busy' })]: '0+60x25 0+60x25' },
    at: 37,
    notBefore: 34,
  },
  {
    alert: 'FarletPlegStale',
    labels: ofNode,
    fires: { ...own, [of('kubelet_pleg_last_seen_seconds')]: '1+60x5 301x40' },
    // a host that is away has an alert of its own, one that was never seen is not late
    quiet: {
      ...own,
      [of('kubelet_pleg_last_seen_seconds')]: '1+60x5 301x40',
      [of('farlet_host_up', host)]: '0x60',
      [of('kubelet_pleg_last_seen_seconds', { instance: 'i', node: 'b' })]: '0x60',
      [of('kubelet_pleg_last_seen_seconds', { instance: 'kubelet', node: 'c' })]: '1x60',
    },
    at: 12,
    notBefore: 9,
  },
  {
    alert: 'FarletPlegSlow',
    labels: ofNode,
    fires: { ...own, ...all('kubelet_pleg_relist_duration_seconds', node, '5') },
    quiet: {
      ...own,
      ...all('kubelet_pleg_relist_duration_seconds', node, '1'),
      ...all('kubelet_pleg_relist_duration_seconds', { instance: 'kubelet', node: 'c' }, '10'),
    },
    at: 20,
    notBefore: 14,
  },
  {
    alert: 'FarletPodStatusesWait',
    labels: ofNode,
    fires: { [of('farlet_pod_status_oldest_seconds')]: '0+60x60' },
    quiet: { [of('farlet_pod_status_oldest_seconds')]: '0x5 60x30' },
    at: 10,
    notBefore: 6,
  },
  {
    alert: 'FarletTokensFail',
    labels: ofNode,
    fires: { [of('farlet_token_requests_total', { ...node, result: 'failed' })]: '0+1x60' },
    quiet: {
      [of('farlet_token_requests_total', { ...node, result: 'failed' })]: '0x10 2x30',
      [of('farlet_token_requests_total', { ...node, result: 'issued' })]: '0+9x60',
    },
    at: 20,
    notBefore: 12,
  },
  {
    alert: 'FarletApiCallsFail',
    labels: {},
    fires: {
      ...own,
      'rest_client_requests_total{instance="i",code="200",method="GET"}': '0+60x60',
      'rest_client_requests_total{instance="i",code="<error>",method="PATCH"}': '0+10x60',
    },
    quiet: {
      ...own,
      'rest_client_requests_total{instance="i",code="200",method="GET"}': '0+60x60',
      'rest_client_requests_total{instance="i",code="409",method="PATCH"}': '0+60x60',
      'rest_client_requests_total{instance="i",code="503",method="PATCH"}': '0+2x60',
      'rest_client_requests_total{instance="kubelet",code="503",method="PATCH"}': '0+60x60',
    },
    at: 15,
    notBefore: 10,
  },
  {
    alert: 'FarletCertificateExpiresSoon',
    labels: ofNode,
    fires: { ...own, [of('kubelet_certificate_manager_server_ttl_seconds')]: '500000-60x60' },
    quiet: {
      ...own,
      [of('kubelet_certificate_manager_server_ttl_seconds')]: '700000-60x60',
      [of('kubelet_certificate_manager_server_ttl_seconds', { instance: 'kubelet', node: 'c' })]: '1x60',
    },
    at: 17,
    notBefore: 14,
  },
  {
    alert: 'FarletClientCertificateExpiresSoon',
    labels: {},
    fires: { ...own, [of('kubelet_certificate_manager_client_ttl_seconds')]: '500000-60x60' },
    quiet: {
      ...own,
      [of('kubelet_certificate_manager_client_ttl_seconds')]: Array(60).fill('Inf').join(' '),
    },
    at: 17,
    notBefore: 14,
  },
  {
    alert: 'FarletCertificateNotRenewed',
    labels: ofNode,
    fires: { ...own, [of('kubelet_server_expiration_renew_errors')]: '0x5 1x60' },
    quiet: { ...own, [of('kubelet_server_expiration_renew_errors')]: '7x60' },
    at: 25,
    notBefore: 18,
  },
  {
    alert: 'FarletUsageUnread',
    labels: ofHost,
    fires: {
      [of('farlet_usage_readings_total', { ...host, result: 'read' })]: '5x60',
      [of('farlet_usage_readings_total', { ...host, result: 'failed' })]: '0+4x60',
    },
    quiet: {
      [of('farlet_usage_readings_total', { ...host, result: 'read' })]: '0+4x60',
      [of('farlet_usage_readings_total', { ...host, result: 'failed' })]: '0+1x60',
    },
    at: 15,
    notBefore: 9,
  },
  {
    alert: 'FarletFault',
    labels: { ...ofNode, part: 'pleg' },
    // a series begins with the first of its faults
    fires: { ...own, [of('farlet_faults_total', { ...node, part: 'pleg' })]: '_x20 1x30' },
    // of before it was scraped
    quiet: { ...own, [of('farlet_faults_total', { ...node, part: 'pleg' })]: '7x60' },
    at: 22,
    notBefore: 19,
  },
  {
    alert: 'FarletEventLoopLate',
    labels: {},
    fires: { ...own, ...all('nodejs_eventloop_delay_seconds', { instance: 'i' }, '0.5') },
    quiet: {
      ...own,
      'nodejs_eventloop_delay_seconds_bucket{instance="i",le="0.1"}': '0+60x60',
      'nodejs_eventloop_delay_seconds_bucket{instance="i",le="+Inf"}': '0+60x60',
      ...all('nodejs_eventloop_delay_seconds', { instance: 'another program' }, '10'),
    },
    at: 14,
    notBefore: 10,
  },
  {
    alert: 'FarletBusy',
    labels: {},
    fires: { ...own, 'nodejs_eventloop_time_seconds_total{instance="i",state="active"}': '0+54x60' },
    quiet: {
      ...own,
      'nodejs_eventloop_time_seconds_total{instance="i",state="active"}': '0+30x60',
      'nodejs_eventloop_time_seconds_total{instance="another program",state="active"}': '0+60x60',
    },
    at: 42,
    notBefore: 29,
  },
  {
    alert: 'FarletFilesRunOut',
    labels: {},
    fires: { ...own, 'process_open_fds{instance="i"}': '900x60', 'process_max_fds{instance="i"}': '1000x60' },
    quiet: {
      ...own,
      'process_open_fds{instance="i"}': '100x60',
      'process_max_fds{instance="i"}': '1000x60',
      'process_open_fds{instance="another program"}': '1000x60',
      'process_max_fds{instance="another program"}': '1000x60',
    },
    at: 12,
    notBefore: 9,
  },
  {
    alert: 'FarletCallersRefused',
    labels: ofNode,
    fires: { [of('farlet_streams_refused_total', { ...node, kind: 'exec', limit: 'user' })]: '0+5x60' },
    quiet: { [of('farlet_streams_refused_total', { ...node, kind: 'exec', limit: 'user' })]: '9x60' },
    at: 20,
    notBefore: 15,
  },
  {
    alert: 'FarletEventsDropped',
    labels: ofNode,
    fires: { [of('farlet_events_dropped_total')]: '0+1x60' },
    quiet: { [of('farlet_events_dropped_total')]: '5x60' },
    at: 20,
    notBefore: 15,
  },
  {
    alert: 'FarletConfigNotTaken',
    labels: {},
    fires: { 'farlet_config_last_reload_successful{instance="i"}': '0x60' },
    quiet: { 'farlet_config_last_reload_successful{instance="i"}': '1x60' },
    at: 6,
    notBefore: 4,
  },
  {
    alert: 'FarletFileNotTaken',
    labels: { file: '/etc/farlet/tls.crt' },
    fires: { 'farlet_file_reload_successful{instance="i",file="/etc/farlet/tls.crt"}': '0x60' },
    quiet: { 'farlet_file_reload_successful{instance="i",file="/etc/farlet/tls.crt"}': '1x60' },
    at: 11,
    notBefore: 9,
  },
  {
    alert: 'FarletRestartNeeded',
    labels: {},
    fires: { 'farlet_config_restart_needed{instance="i"}': '1x60' },
    quiet: { 'farlet_config_restart_needed{instance="i"}': '0x60' },
    at: 16,
    notBefore: 14,
  },
  {
    alert: 'FarletTracesDropped',
    labels: {},
    fires: { 'farlet_trace_spans_total{instance="i",outcome="dropped"}': '0+5x60' },
    quiet: {
      'farlet_trace_spans_total{instance="i",outcome="dropped"}': '5x60',
      'farlet_trace_spans_total{instance="i",outcome="exported"}': '0+5x60',
    },
    at: 20,
    notBefore: 15,
  },
];
