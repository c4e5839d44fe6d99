/** The process: connects to the cluster, builds the nodes, listens, runs, stops in order. */
import { connect as connectSocket } from 'node:net';
import type { Config } from './config/schema.ts';
import { urlTarget } from './hosts/http.ts';
import { connectKube, type KubeConnection } from './kube/connect.ts';
import { paths } from './kube/paths.ts';
import { messageOf } from './model/errors.ts';
import type { KubeObject } from './model/kube.ts';
import type { Log } from './model/log.ts';
import { buildNode, type NodeApp } from './node-app.ts';
import { listenKubeletApi } from './kubelet-api.ts';
import { listenPlain } from './server/plain-server.ts';
import { syncLoopsProblem } from './sync/sync-loop-health.ts';
import { childController } from './util/abort.ts';
import { backoffMs } from './util/backoff.ts';
import { systemClock, type Clock } from './util/clock.ts';

export interface AppOptions {
  readonly config: Config;
  readonly kubeconfig: string | undefined;
  readonly version: string;
  readonly log: Log;
  readonly podIP: string | undefined;
}

const STOP_MS = 8_000;
const CONNECT_MS = 10_000;

/** Runs until the signal aborts; then leaves pods running and stops within ten seconds. */
export async function runApp(options: AppOptions, { signal }: { signal: AbortSignal }): Promise<void> {
  const { config, log, version } = options;
  const clock = systemClock;
  const nodes: NodeApp[] = [];
  const kube = connectKube({
    userAgent: `farlet/${version}`,
    clock,
    onRequest: ({ code, method, host }) => {
      for (const { metrics } of nodes) metrics.rest_client_requests_total.inc({ code, method, host });
    },
    ...(options.kubeconfig === undefined ? {} : { kubeconfig: options.kubeconfig }),
  });
  let apiProblem: string | undefined = 'the API server has not been reached yet';
  const health = (): string[] => [
    ...(apiProblem === undefined ? [] : [apiProblem]),
    ...config.nodes.slice(nodes.length).map(({ name }) => `node ${name}: has not started yet`),
    ...nodes.flatMap((node) => {
      const problem = node.podsAreKnown()
        ? syncLoopsProblem(node.hosts, clock.monotonic())
        : 'its pods have not been listed yet';
      return problem === undefined ? [] : [`node ${node.name}: ${problem}`];
    }),
  ];
  const listeners: { close(): unknown }[] = [];
  const life = childController(signal);
  try {
    if (config.healthzPort > 0)
      listeners.push(
        await listenPlain(
          { healthProblems: health },
          { host: config.healthzBindAddress, port: config.healthzPort },
        ),
      );
    if (config.metricsPort > 0) {
      listeners.push(
        await listenPlain(
          { metrics: () => allMetrics(nodes) },
          { host: config.metricsBindAddress, port: config.metricsPort },
        ),
      );
    }
    const cluster = await clusterId(kube, {
      log,
      signal: life.signal,
      onProblem: (problem) => {
        apiProblem = problem;
      },
    });
    let routeIP = options.podIP;
    for (const node of config.nodes) {
      const nodeIP =
        node.nodeIP ?? (routeIP ??= await routeTo(kube.server, { log, clock, signal: life.signal }));
      const shared = { config, node, nodeIP, kube, clock, log, signal: life.signal };
      const app = buildNode({ ...shared, cluster });
      nodes.push(app);
      listeners.push(await listenKubeletApi({ ...shared, app }));
    }
    await Promise.all(nodes.map((node) => node.run()));
  } catch (error) {
    if (!signal.aborted) {
      life.abort(error);
      throw error;
    }
  } finally {
    log.info({}, 'stopping: pods keep running');
    const limit = AbortSignal.timeout(STOP_MS);
    await Promise.all(listeners.map((listener) => listener.close()));
    await Promise.race([
      Promise.all(nodes.map((node) => node.stop({ signal: limit }))),
      clock.sleep(STOP_MS),
    ]);
    await kube.close();
  }
}

/** Tells the node's metrics one after the other; several nodes are told apart by a label. */
async function allMetrics(nodes: readonly NodeApp[]): Promise<{ text: string; contentType: string }> {
  const texts = await Promise.all(nodes.map(({ metrics }) => metrics.text()));
  const contentType = nodes[0]?.metrics.contentType ?? 'text/plain; charset=utf-8';
  if (nodes.length <= 1) return { text: texts.join(''), contentType };
  const seen = new Set<string>();
  const lines = texts.flatMap((text, index) =>
    text.split('\n').flatMap((line) => {
      if (line.startsWith('#')) return seen.has(line) ? [] : (seen.add(line), [line]);
      return line === '' ? [] : [withNode(line, nodes[index]?.name ?? '')];
    }),
  );
  return { text: `${lines.join('\n')}\n`, contentType };
}

function withNode(line: string, node: string): string {
  const match = /^([^{ ]+)(?:\{(.*)\})? (.*)$/.exec(line);
  if (match === null || match[2]?.includes('node="') === true) return line;
  const [, name = '', labelText = '', value = ''] = match;
  return `${name}{node="${node}"${labelText === '' ? '' : `,${labelText}`}} ${value}`;
}

/** The UID of kube-system names a cluster for good. Tries on, saying so, until the API server answers. */
async function clusterId(
  kube: KubeConnection,
  options: { log: Log; signal: AbortSignal; onProblem: (problem: string | undefined) => void },
): Promise<string> {
  const { log, signal, onProblem } = options;
  for (let failures = 1; ; failures += 1) {
    try {
      const { metadata } = await kube.get<KubeObject>(paths.namespace('kube-system'), { signal });
      onProblem(undefined);
      return metadata?.uid ?? '';
    } catch (error) {
      signal.throwIfAborted();
      onProblem(messageOf(error));
      if (failures === 1 || failures % 10 === 0)
        log.warn({ err: error, server: kube.server }, 'waiting for the API server');
      await systemClock.sleep(backoffMs({ baseMs: 500, maxMs: 5_000, factor: 1.5, jitter: 0.2 }, failures), {
        signal,
      });
    }
  }
}

/** The address that packets to the API server leave from; tries on while it does not answer. */
async function routeTo(
  server: string,
  { log, clock, signal }: { log: Log; clock: Clock; signal: AbortSignal },
): Promise<string> {
  for (let failures = 1; ; failures += 1) {
    try {
      return await localAddress(server);
    } catch (error) {
      log.warn({ err: error, server }, 'waiting for the API server, whose route gives the node its address');
      await clock.sleep(backoffMs({ baseMs: 500, maxMs: 5_000, factor: 1.5, jitter: 0.2 }, failures), {
        signal,
      });
    }
  }
}

function localAddress(server: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connectSocket(urlTarget(new URL(server)), () => {
      resolve(socket.localAddress ?? '127.0.0.1');
      socket.destroy();
    });
    socket.setTimeout(CONNECT_MS, () => socket.destroy(new Error(`no answer from ${server}`)));
    socket.once('error', reject);
  });
}
