/** Wires one node's kubelet API to its pods and its host. Composition only. */
import { showCertificates } from './certificate-gauges.ts';
import type { Config, NodeConfig } from '../config/schema.ts';
import type { HostApp } from '../host/host.ts';
import type { Host } from '../../hosts/host.ts';
import type { KubeConnection } from '../../kube/connect.ts';
import { checkpointContainer } from '../../api/handlers/checkpoint.ts';
import { configz } from '../../api/handlers/configz.ts';
import { containerLogs } from '../../api/handlers/container-logs.ts';
import { readHostLog } from '../../api/handlers/host-log.ts';
import { podList, runningPods } from '../../api/handlers/pod-lists.ts';
import { runCommand } from '../../api/handlers/run-command.ts';
import { openStream } from '../../api/handlers/streams.ts';
import { cadvisorMetrics, resourceMetrics, statsSummary } from '../../api/handlers/usage.ts';
import type { Log } from '../../model/log.ts';
import { own } from '../../model/own.ts';
import { signedCertificate } from './serving-certificate.ts';
import { publishOnHost } from './kubelet-api-on-host.ts';
import type { NodeApp } from './node.ts';
import type { Backend } from '../../api/server/backend.ts';
import type { Target } from '../../api/http/stream-request.ts';
import { HttpFault } from '../../api/http/http-fault.ts';
import type { KubeletRouter } from '../../api/server/kubelet-router.ts';
import { listenKubelet, type StreamObserver } from '../../api/server/kubelet-server.ts';
import type { RequestObserver } from '../../api/server/observe-requests.ts';
import type { Strangers } from '../../api/server/strangers.ts';
import { ServingTls } from '../../api/server/serving-tls.ts';
import type { SharedCluster } from '../cluster/shared-cluster.ts';
import { syncLoopsProblem } from '../../sync/sync-loop-health.ts';
import { contentType, type Metrics, type ProcessMetrics } from '../../telemetry/metrics.ts';
import { familiesOf, wholeText } from '../../telemetry/metrics-text.ts';
import type { Clock } from '../../util/clock.ts';
import type { FollowedFiles } from '../../util/followed-files.ts';
import { inOne } from '../../util/in-one.ts';

export interface KubeletApiOptions {
  readonly router: KubeletRouter;
  readonly strangers: Strangers;
  readonly app: NodeApp;
  readonly node: NodeConfig;
  readonly nodeIPs: readonly string[];
  readonly config: Config;
  readonly kube: KubeConnection;
  /** by farlet's own account, where the node has another */
  readonly approver: KubeConnection;
  readonly common: Pick<SharedCluster, 'reviews'>;
  readonly followed: FollowedFiles;
  readonly processMetrics: ProcessMetrics;
  readonly log: Log;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export async function listenKubeletApi(options: KubeletApiOptions): Promise<{ close(): Promise<void> }> {
  const { router, strangers, config, node, nodeIPs, kube, followed, clock, log } = options;
  const { metrics } = options.app;
  const { tlsCertFile, tlsPrivateKeyFile, authentication } = config;
  const signed = signedCertificate(options);
  const tls = await ServingTls.open({
    files:
      tlsCertFile === undefined || tlsPrivateKeyFile === undefined
        ? undefined
        : { cert: tlsCertFile, key: tlsPrivateKeyFile },
    ...(signed === undefined ? {} : { signed }),
    names: { node: node.name, addresses: () => [...nodeIPs, '127.0.0.1', ...options.app.addresses()] },
    clientCaFile: authentication.x509.clientCAFile,
    minVersion: config.tlsMinVersion,
    cipherSuites: config.tlsCipherSuites,
    followed,
    log,
    clock,
  });
  showCertificates(metrics, {
    server: () => tls.certificate,
    client: () => kube.clientCertificate(),
    clock,
  });
  const server = await listenKubelet(
    {
      router,
      strangers,
      backend: backend(options),
      log,
      clock,
      observer: observer(metrics),
      tls,
      acceptsTokens: authentication.webhook.enabled,
      idleMs: config.streamingConnectionIdleTimeout,
    },
    { host: config.address, port: node.port },
  );
  publishOnHost({ ...options, to: { host: nearHost(config.address), port: server.port } });
  metrics.beforeText(() => {
    metrics.farlet_kubelet_api_connections.set(server.connections);
  });
  return server;
}

/** How this process reaches its own listener. */
function nearHost(address: string): string {
  const near: Record<string, string> = { '0.0.0.0': '127.0.0.1', '::': '::1', localhost: '127.0.0.1' };
  return own(near, address) ?? address;
}

function observer(metrics: Metrics): RequestObserver & StreamObserver {
  return {
    began: (labels) => {
      metrics.kubelet_http_requests_total.inc({ ...labels });
      metrics.kubelet_http_inflight_requests.inc({ ...labels });
    },
    ended: (labels, seconds) => {
      metrics.kubelet_http_inflight_requests.dec({ ...labels });
      metrics.kubelet_http_requests_duration_seconds.observe({ ...labels }, seconds);
    },
    open: (kind, count) => {
      metrics.farlet_streams.set({ kind }, count);
    },
    refused: (kind, limit) => {
      metrics.farlet_streams_refused_total.inc({ kind, limit });
    },
  };
}

function backend(options: KubeletApiOptions): Backend {
  const { app, node, config, clock } = options;
  const families = (ofNode: (name: string) => boolean, ofProcess: (name: string) => boolean) =>
    wholeText([
      { node: undefined, metrics: familiesOf(app.metrics, ofNode) },
      { node: undefined, metrics: familiesOf(options.processMetrics, ofProcess) },
    ]);
  const ofUsage = { name: node.name, hosts: app.hosts, log: options.log };
  const hostOf = ({ namespace, pod }: Target): HostApp => app.hostOf(namespace, pod);
  return {
    ...access(options),
    podList: () => podList(app.hosts),
    runningPods: () => runningPods(app.hosts),
    configz: () => configz(config, app.configured()),
    metrics: inOne(async () => ({
      text: await families(
        (name) => !isProbers(name) && !isHealth(name),
        () => true,
      ),
      contentType,
    })),
    proberMetrics: inOne(() => families(isProbers, isStartTime)),
    sliMetrics: inOne(() => families(isHealth, isStartTime)),
    observeHealth: (checks) => {
      for (const { name, problem } of checks) {
        const type = 'healthz';
        const status = problem === undefined ? 'success' : 'error';
        app.metrics.kubernetes_healthcheck.set({ name, type }, problem === undefined ? 1 : 0);
        app.metrics.kubernetes_healthchecks_total.inc({ name, type, status });
      }
    },
    summary: (query, life) => statsSummary(ofUsage, query, life),
    resourceMetrics: (life) => resourceMetrics(ofUsage, life),
    cadvisorMetrics: (life) => cadvisorMetrics(ofUsage, { ...life, now: clock.now() }),
    healthChecks: () => [
      { name: 'ping', problem: undefined },
      { name: 'log', problem: undefined },
      { name: 'syncloop', problem: syncLoopsProblem(app.hosts, clock.monotonic()) },
    ],
    logs: (target, query, { signal }) =>
      containerLogs(hostOf(target), target, { query, signal, now: clock.now() }),
    run: (target, command, { signal }) => runCommand(hostOf(target), target, { command, signal }),
    checkpoint: (target, query, { signal }) =>
      checkpointContainer(hostOf(target), target, { query, rootDir: node.rootDir, now: clock.now(), signal }),
    hostLog: (path, options) => readHostLog(onlyHost(app).link.files, path, { ...options, clock }),
    stream: (request, { signal }) => openStream(hostOf(request.target), request, signal),
  };
}

const isProbers = (name: string): boolean => name.startsWith('prober_');
const isHealth = (name: string): boolean => name.startsWith('kubernetes_healthcheck');
const isStartTime = (name: string): boolean => name === 'process_start_time_seconds';

/** Whose logs a path means can't be told where there are several. */
function onlyHost({ name, hosts }: NodeApp): Host {
  const [only, ...others] = hosts;
  if (only === undefined || others.length > 0)
    throw new HttpFault(501, `node ${name} has several hosts: read the logs of a host on the host itself`);
  return only.host;
}

function access({
  config,
  common: { reviews },
  node,
}: KubeletApiOptions): Pick<Backend, 'identify' | 'isAllowed' | 'enterVerb'> {
  const { authentication, authorization } = config;
  return {
    enterVerb: authorization.enterVerb,
    identify: (token, options) =>
      authentication.webhook.enabled ? reviews.identify(token, options) : Promise.resolve(undefined),
    isAllowed: (who, verb, subresource, options) =>
      authorization.mode === 'AlwaysAllow'
        ? Promise.resolve(true)
        : reviews.isAllowed(
            who,
            { verb, version: 'v1', resource: 'nodes', subresource, name: node.name },
            options,
          ),
  };
}
