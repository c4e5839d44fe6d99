/** The process: connects to the cluster, builds the nodes, listens, runs, stops in order. */
import type { Config } from './config/schema.ts';
import { urlTarget } from './hosts/http.ts';
import { addressTowards, anyOwnAddress } from './hosts/own-address.ts';
import { readClusterId } from './kube/cluster-id.ts';
import { connectKube, isClusterConfigured, type KubeConnection } from './kube/connect.ts';
import { offlineKube } from './kube/offline.ts';
import { FarletError, messageOf } from './model/errors.ts';
import type { Log } from './model/log.ts';
import { buildNode, type NodeApp } from './node-app.ts';
import { listenKubeletApi } from './kubelet-api.ts';
import { listenPlain } from './server/plain-server.ts';
import { standaloneProblem } from './standalone.ts';
import { childController } from './util/abort.ts';
import { systemClock } from './util/clock.ts';

export interface AppOptions {
  readonly config: Config;
  readonly kubeconfig: string | undefined;
  readonly version: string;
  readonly log: Log;
  readonly podIP: string | undefined;
}

const STOP_MS = 8_000;
const SYNC_LOOP_SILENT_MS = 300_000;

/** Runs until the signal aborts; then leaves pods running and stops within ten seconds. */
export async function runApp(options: AppOptions, { signal }: { signal: AbortSignal }): Promise<void> {
  const { config, log, version } = options;
  const clock = systemClock;
  const nodes: NodeApp[] = [];
  const standalone = !isClusterConfigured(options.kubeconfig);
  const problem = standalone ? standaloneProblem(config) : undefined;
  if (problem !== undefined) throw new FarletError('invalid', problem);
  const kube = standalone
    ? offlineKube()
    : connectKube({
        userAgent: `farlet/${version}`,
        clock,
        onRequest: ({ code, method, host }) => {
          for (const { metrics } of nodes) metrics.rest_client_requests_total.inc({ code, method, host });
        },
        ...(options.kubeconfig === undefined ? {} : { kubeconfig: options.kubeconfig }),
      });
  let apiProblem: string | undefined = standalone ? undefined : 'the API server has not been reached yet';
  // nodes with manifests have work without an API server, whose absence is then no fault of this process
  const needsApi = config.nodes.every(({ staticPodPath }) => staticPodPath === undefined);
  const health = (): string[] => [
    ...(apiProblem === undefined || !needsApi ? [] : [apiProblem]),
    ...nodes.flatMap(({ name, loop }) =>
      loop.lastEntered !== undefined && clock.monotonic() - loop.lastEntered > SYNC_LOOP_SILENT_MS
        ? [`node ${name}: sync loop took longer than expected`]
        : [],
    ),
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
    const cluster = standalone
      ? undefined
      : readClusterId(kube, {
          clock,
          log,
          signal: life.signal,
          onProblem: (found) => {
            apiProblem = found;
          },
        });
    cluster?.catch(() => undefined);
    if (needsApi) await cluster;
    else if (standalone) log.info({}, 'no API server is configured: static pods only');
    const address = options.podIP ?? (await ownAddress(kube, log));
    for (const node of config.nodes) {
      const shared = { config, node, nodeIP: node.nodeIP ?? address, kube, clock, log, signal: life.signal };
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

/** The address that packets to the API server leave from. */
async function ownAddress(kube: KubeConnection, log: Log): Promise<string> {
  if (kube.server === '') return anyOwnAddress();
  try {
    return await addressTowards(urlTarget(new URL(kube.server)));
  } catch (error) {
    const address = anyOwnAddress();
    log.warn(
      { reason: messageOf(error), address },
      "no route to the API server: taking this machine's first address; set nodeIP to choose another",
    );
    return address;
  }
}
