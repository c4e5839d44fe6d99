/** Wires one node's kubelet API to its pods and its host. Composition only. */
import { readFileSync } from 'node:fs';
import { showCertificates } from './certificate-gauges.ts';
import type { Config, NodeConfig } from './config/schema.ts';
import type { HostApp } from './host-app.ts';
import type { Host } from './hosts/host.ts';
import type { KubeConnection } from './kube/connect.ts';
import { checkpointContainer } from './kubelet-api/checkpoint.ts';
import { configz } from './kubelet-api/configz.ts';
import { containerLogs } from './kubelet-api/container-logs.ts';
import { readHostLog } from './kubelet-api/host-log.ts';
import { podList, runningPods } from './kubelet-api/pod-lists.ts';
import { runCommand } from './kubelet-api/run-command.ts';
import { openStream } from './kubelet-api/streams.ts';
import type { Log } from './model/log.ts';
import type { NodeApp } from './node-app.ts';
import type { Backend, Target } from './server/backend.ts';
import { HttpFault } from './server/http-fault.ts';
import { listenKubelet } from './server/kubelet-server.ts';
import type { RequestObserver } from './server/observe-requests.ts';
import { selfSignedCertificate } from './server/self-signed.ts';
import type { SharedCluster } from './shared-cluster.ts';
import { syncLoopsProblem } from './sync/sync-loop-health.ts';
import { contentType, type ProcessMetrics } from './telemetry/metrics.ts';
import { wholeText } from './telemetry/metrics-text.ts';
import type { Clock } from './util/clock.ts';

export interface KubeletApiOptions {
  readonly app: NodeApp;
  readonly node: NodeConfig;
  readonly nodeIP: string;
  readonly config: Config;
  readonly kube: KubeConnection;
  readonly common: Pick<SharedCluster, 'reviews'>;
  readonly processMetrics: ProcessMetrics;
  readonly log: Log;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export async function listenKubeletApi(options: KubeletApiOptions): Promise<{ close(): unknown }> {
  const { config, node, nodeIP, kube, clock, log } = options;
  const { metrics } = options.app;
  const { tlsCertFile, tlsPrivateKeyFile, authentication } = config;
  const pair =
    tlsCertFile === undefined || tlsPrivateKeyFile === undefined
      ? selfSignedCertificate(node.name, [nodeIP, '127.0.0.1'], clock.now())
      : { cert: readFileSync(tlsCertFile), key: readFileSync(tlsPrivateKeyFile) };
  const clientCa =
    authentication.x509.clientCAFile === undefined
      ? undefined
      : readFileSync(authentication.x509.clientCAFile);
  showCertificates(metrics, { server: pair.cert, client: () => kube.clientCertificate(), clock });
  const observer: RequestObserver = {
    began: (labels) => {
      metrics.kubelet_http_requests_total.inc({ ...labels });
      metrics.kubelet_http_inflight_requests.inc({ ...labels });
    },
    ended: (labels, seconds) => {
      metrics.kubelet_http_inflight_requests.dec({ ...labels });
      metrics.kubelet_http_requests_duration_seconds.observe({ ...labels }, seconds);
    },
  };
  return listenKubelet(
    { backend: backend(options), log, clock, observer, tls: { ...pair, clientCa } },
    { host: config.address, port: node.port },
  );
}

function backend(options: KubeletApiOptions): Backend {
  const { app, node, config, clock } = options;
  const hostOf = ({ namespace, pod }: Target): HostApp => app.hostOf(namespace, pod);
  return {
    ...access(options),
    podList: () => podList(app.hosts),
    runningPods: () => runningPods(app.hosts),
    configz: () => configz(config, node),
    metrics: async () => ({
      text: await wholeText([
        { node: undefined, metrics: app.metrics },
        { node: undefined, metrics: options.processMetrics },
      ]),
      contentType,
    }),
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
    hostLog: (path, rest) => readHostLog(onlyHost(app).link.files, path, rest),
    stream: (request, { signal }) => openStream(hostOf(request.target), request, signal),
  };
}

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
}: KubeletApiOptions): Pick<Backend, 'identify' | 'isAllowed'> {
  const { authentication, authorization } = config;
  return {
    identify: (token, rest) =>
      authentication.webhook.enabled ? reviews.identify(token, rest) : Promise.resolve(undefined),
    isAllowed: (who, verb, subresource, rest) =>
      authorization.mode === 'AlwaysAllow'
        ? Promise.resolve(true)
        : reviews.isAllowed(
            who,
            { verb, version: 'v1', resource: 'nodes', subresource, name: node.name },
            rest,
          ),
  };
}
