/** Wires one node's kubelet API to its pods and its host. Composition only. */
import { readFileSync } from 'node:fs';
import { connect as tlsConnect } from 'node:tls';
import type { Duplex } from 'node:stream';
import type { Config, NodeConfig } from './config/schema.ts';
import { urlTarget } from './hosts/http.ts';
import { AccessReviews } from './kube/access-reviews.ts';
import type { KubeConnection } from './kube/connect.ts';
import { findContainer } from './model/containers.ts';
import { kindOf, messageOf } from './model/errors.ts';
import type { ContainerStatus, Pod } from './model/kube.ts';
import type { Log } from './model/log.ts';
import { isStaticPod } from './model/pod-source.ts';
import type { ObservedContainer } from './model/runtime-state.ts';
import type { NodeApp } from './node-app.ts';
import { logTarget } from './runtime/log-target.ts';
import { readContainerLog } from './runtime/logs.ts';
import { HttpFault, listenKubelet, type Backend, type Target } from './server/kubelet-server.ts';
import { parseLogQuery } from './server/log-query.ts';
import { selfSignedCertificate } from './server/self-signed.ts';
import type { Clock } from './util/clock.ts';

export interface KubeletApiOptions {
  readonly app: NodeApp;
  readonly node: NodeConfig;
  readonly nodeIP: string;
  readonly config: Config;
  readonly kube: KubeConnection;
  readonly log: Log;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const DIAL_MS = 30_000;

export async function listenKubeletApi(options: KubeletApiOptions): Promise<{ close(): unknown }> {
  const { config, node, nodeIP, clock, log } = options;
  const { tlsCertFile, tlsPrivateKeyFile, authentication } = config;
  const pair =
    tlsCertFile === undefined || tlsPrivateKeyFile === undefined
      ? selfSignedCertificate(node.name, [nodeIP, '127.0.0.1'], clock.now())
      : { cert: readFileSync(tlsCertFile), key: readFileSync(tlsPrivateKeyFile) };
  const clientCa =
    authentication.x509.clientCAFile === undefined
      ? undefined
      : readFileSync(authentication.x509.clientCAFile);
  return listenKubelet(
    { backend: backend(options), log, tls: { ...pair, clientCa } },
    { host: config.address, port: node.port },
  );
}

function backend(options: KubeletApiOptions): Backend {
  const { app, node, config, kube, clock } = options;
  const reviews = new AccessReviews({
    client: kube,
    tokenTtlMs: config.authentication.webhook.cacheTTL,
    allowTtlMs: config.authorization.webhook.cacheAuthorizedTTL,
    denyTtlMs: config.authorization.webhook.cacheUnauthorizedTTL,
  });
  return {
    identify: (token, rest) =>
      config.authentication.webhook.enabled ? reviews.identify(token, rest) : Promise.resolve(undefined),
    isAllowed: (who, verb, subresource, rest) =>
      config.authorization.mode === 'AlwaysAllow'
        ? Promise.resolve(true)
        : reviews.isAllowed(
            who,
            { verb, version: 'v1', resource: 'nodes', subresource, name: node.name },
            rest,
          ),
    podList: () => ({
      kind: 'PodList',
      apiVersion: 'v1',
      metadata: {},
      items: app.table.all().map((pod) => withStatus(app, pod)),
    }),
    runningPods: () => ({
      kind: 'PodList',
      apiVersion: 'v1',
      metadata: {},
      items: app.cache
        .states()
        .filter(({ containers }) => containers.some(({ state }) => state === 'running'))
        .map(runningPod),
    }),
    configz: () => ({
      kubeletconfig: {
        kind: 'KubeletConfiguration',
        apiVersion: 'kubelet.config.k8s.io/v1beta1',
        clusterDNS: config.clusterDNS,
        clusterDomain: config.clusterDomain,
        maxPods: config.maxPods,
        address: config.address,
        port: node.port,
      },
    }),
    metrics: async () => ({ text: await app.metrics.text(), contentType: app.metrics.contentType }),
    healthProblems: () => [],
    logs: (target, query, { signal }) =>
      Promise.resolve().then(() => logs(options, target, { query, signal, now: clock.now() })),
    run: (target, command, { signal }) => run(app, target, { command, signal }),
    stream: (kind, target, query, { signal }) => stream(app, { kind, target, query }, signal),
  };
}

/** What the watch shows of a pod's status; a static pod's is only known here. */
function withStatus(app: NodeApp, pod: Pod): Pod {
  const status = isStaticPod(pod) ? app.status.current(pod.metadata.uid) : undefined;
  return status === undefined ? pod : { ...pod, status };
}

function runningPod({
  uid,
  name,
  namespace,
  containers,
}: ReturnType<NodeApp['cache']['states']>[number]): object {
  return {
    metadata: { name, namespace, uid, creationTimestamp: null },
    spec: {
      containers: containers
        .filter(({ state }) => state === 'running')
        .map((each) => ({ name: each.name, image: each.imageRef, resources: {} })),
    },
    status: {},
  };
}

function logs(
  { app }: KubeletApiOptions,
  target: Target,
  { query, signal, now }: { query: URLSearchParams; signal: AbortSignal; now: number },
): AsyncIterable<Buffer> {
  const parsed = parseLogQuery(query, now);
  if (!parsed.ok) throw new HttpFault(parsed.code, parsed.body);
  const name = target.container ?? '';
  const pod = app.table.find(target.namespace, target.pod);
  if (pod === undefined) throw new HttpFault(404, `pod "${target.pod}" does not exist`);
  if (findContainer(pod, name) === undefined)
    throw new HttpFault(404, `container "${name}" not found in pod "${target.pod}"`);
  const { uid } = pod.metadata;
  const found = logTarget(target.pod, name, {
    status: containerStatus(app, pod, name),
    previous: parsed.query.previous,
  });
  if ('refusal' in found) throw new HttpFault(400, found.refusal);
  const { containerId } = found;
  const seen = (): ObservedContainer | undefined =>
    app.cache.get(uid)?.containers.find(({ id }) => id === containerId);
  const container = seen();
  if (container === undefined)
    return said(
      `unable to retrieve container logs for ${app.host.runtime()?.name ?? 'unknown'}://${containerId}`,
    );
  return readContainerLog(
    {
      files: app.host.link.files,
      path: container.logPath,
      options: parsed.query,
      isRunning: () => seen()?.state === 'running',
    },
    { signal },
  );
}

// eslint-disable-next-line @typescript-eslint/require-await -- an async iterable of one piece
async function* said(text: string): AsyncIterable<Buffer> {
  yield Buffer.from(text);
}

function containerStatus(app: NodeApp, pod: Pod, name: string): ContainerStatus | undefined {
  const status = app.status.current(pod.metadata.uid) ?? pod.status;
  return [
    ...(status?.containerStatuses ?? []),
    ...(status?.initContainerStatuses ?? []),
    ...(status?.ephemeralContainerStatuses ?? []),
  ].find((each) => each.name === name);
}

function findPod(app: NodeApp, { namespace, pod: name, uid }: Target): Pod {
  const pod = app.table.find(namespace, name);
  if (pod === undefined) throw new HttpFault(404, 'pod does not exist');
  if (uid !== undefined && pod.metadata.uid !== uid) throw new HttpFault(404, 'pod not found');
  return pod;
}

function findRunning(app: NodeApp, target: Target): { pod: Pod; container: ObservedContainer } {
  const pod = findPod(app, target);
  const container = app.cache
    .get(pod.metadata.uid)
    ?.containers.find(({ name, state }) => name === target.container && state === 'running');
  if (container === undefined) throw new HttpFault(500, `container not found ("${target.container ?? ''}")`);
  return { pod, container };
}

async function run(
  app: NodeApp,
  target: Target,
  { command, signal }: { command: readonly string[]; signal: AbortSignal },
): Promise<string> {
  const { container } = findRunning(app, target);
  const {
    stdout,
    stderr,
    exit_code: code,
  } = await app.host.cri.execSync({ container_id: container.id, cmd: [...command], timeout: 0 }, { signal });
  const output = Buffer.concat([stdout, stderr]).toString();
  if (code !== 0)
    throw new HttpFault(500, `command '${command.join(' ')}' exited with ${String(code)}: ${output}`);
  return output;
}

interface StreamRequest {
  readonly kind: 'exec' | 'attach' | 'portForward';
  readonly target: Target;
  readonly query: URLSearchParams;
}

async function stream(
  app: NodeApp,
  request: StreamRequest,
  signal: AbortSignal,
): Promise<{ url: URL; dial: () => Promise<Duplex> }> {
  let url: URL;
  try {
    url = new URL(await streamUrl(app, request, signal));
  } catch (error) {
    if (error instanceof HttpFault) throw error;
    const codes: Record<string, number> = { 'not-found': 404, 'resource-exhausted': 429 };
    throw new HttpFault(codes[kindOf(error)] ?? 500, messageOf(error));
  }
  return { url, dial: () => dialUrl(app, url) };
}

async function streamUrl(
  app: NodeApp,
  { kind, target, query }: StreamRequest,
  signal: AbortSignal,
): Promise<string> {
  const { cri } = app.host;
  if (kind === 'portForward') {
    const pod = findPod(app, target);
    const sandbox = app.cache.get(pod.metadata.uid)?.sandboxes.find(({ ready }) => ready);
    if (sandbox === undefined) throw new HttpFault(404, 'pod does not exist');
    const ports = query
      .getAll('port')
      .flatMap((port) => port.split(','))
      .map(Number);
    return (await cri.portForward({ pod_sandbox_id: sandbox.id, port: ports }, { signal })).url;
  }
  const flag = (name: string): boolean => query.get(name) === '1' || query.get(name) === 'true';
  findPod(app, target);
  const tty = flag('tty');
  const streams = { stdin: flag('input'), stdout: flag('output'), stderr: flag('error') && !tty };
  if (!streams.stdin && !streams.stdout && !streams.stderr)
    throw new HttpFault(400, 'you must specify at least 1 of stdin, stdout, stderr');
  const { pod, container } = findRunning(app, target);
  if (kind === 'exec')
    return (
      await cri.exec(
        { container_id: container.id, cmd: query.getAll('command'), tty, ...streams },
        { signal },
      )
    ).url;
  const ownTty = findContainer(pod, container.name)?.spec.tty === true;
  return (
    await cri.attach(
      { container_id: container.id, ...streams, tty: ownTty, stderr: streams.stderr && !ownTty },
      { signal },
    )
  ).url;
}

/** The URL's host is the runtime's own view: it is dialed from its host. */
async function dialUrl(app: NodeApp, url: URL): Promise<Duplex> {
  const socket = await app.host.link.dial(urlTarget(url), { signal: AbortSignal.timeout(DIAL_MS) });
  if (url.protocol !== 'https:') return socket;
  // the stream's token in the URL is what authenticates; the runtime's certificate is its own
  return tlsConnect({ socket, rejectUnauthorized: false });
}
