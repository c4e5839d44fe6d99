/** The process: connects to the cluster, builds the nodes, listens, runs, stops in order. */
import type { Config } from './config/schema.ts';
import { urlTarget } from './hosts/http.ts';
import { addressTowards, anyOwnAddress } from './hosts/own-address.ts';
import { readClusterId } from './kube/cluster-id.ts';
import { connectKube, type KubeConnection } from './kube/connect.ts';
import { isClusterConfigured } from './kube/credentials.ts';
import { offlineKube } from './kube/offline.ts';
import { FarletError, messageOf } from './model/errors.ts';
import type { Log } from './model/log.ts';
import { buildNode, type NodeApp } from './node-app.ts';
import { listenKubeletApi } from './kubelet-api.ts';
import { listenPlain } from './server/plain-server.ts';
import { standaloneProblem } from './standalone.ts';
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
        onRequest: ({ code, method, host, seconds }) => {
          for (const { metrics } of nodes) {
            metrics.rest_client_requests_total.inc({ code, method, host });
            metrics.rest_client_request_duration_seconds.observe({ verb: method, host }, seconds);
          }
        },
        ...(options.kubeconfig === undefined ? {} : { kubeconfig: options.kubeconfig }),
      });
  let apiProblem: string | undefined = standalone ? undefined : 'the API server has not been reached yet';
  // nodes with manifests have work without an API server, whose absence is then no fault of this process
  const needsApi = config.nodes.every(({ staticPodPath }) => staticPodPath === undefined);
  const health = (): string[] => [
    ...(apiProblem === undefined || !needsApi ? [] : [apiProblem]),
    ...config.nodes.slice(nodes.length).map(({ name }) => `node ${name}: has not started yet`),
    ...nodes.flatMap((node) => {
      const problem = node.podsAreKnown({ withoutApi: !needsApi })
        ? syncLoopsProblem(node.hosts, clock.monotonic())
        : 'its pods have not been listed yet';
      return problem === undefined ? [] : [`node ${node.name}: ${problem}`];
    }),
  ];
  // whatever one pod, caller or answer made nobody expect: it has ended its own part, and is no reason to end the others
  const onUncaught = (error: unknown): void => {
    const [node] = nodes;
    if (node === undefined) log.error({ err: error }, 'an exception that nobody expected');
    else node.faults.report('process', error);
  };
  process.on('uncaughtException', onUncaught).on('unhandledRejection', onUncaught);
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
    let ownIP = options.podIP;
    for (const node of config.nodes) {
      const nodeIP =
        node.nodeIP ?? (ownIP ??= await ownAddress(kube, { log, clock, signal: life.signal, needsApi }));
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
    process.off('uncaughtException', onUncaught).off('unhandledRejection', onUncaught);
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

/** The address that packets to the API server leave from; tries on while its route is unknown, if nothing can run without it. */
async function ownAddress(
  { server }: KubeConnection,
  { log, clock, signal, needsApi }: { log: Log; clock: Clock; signal: AbortSignal; needsApi: boolean },
): Promise<string> {
  if (server === '') return anyOwnAddress();
  for (let failures = 1; ; failures += 1) {
    try {
      return await addressTowards(urlTarget(new URL(server)));
    } catch (error) {
      if (!needsApi) {
        const address = anyOwnAddress();
        log.warn(
          { reason: messageOf(error), address },
          "no route to the API server: taking this machine's first address; set nodeIP to choose another",
        );
        return address;
      }
      log.warn({ err: error, server }, 'waiting for the API server, whose route gives the node its address');
      await clock.sleep(backoffMs({ baseMs: 500, maxMs: 5_000, factor: 1.5, jitter: 0.2 }, failures), {
        signal,
      });
    }
  }
}
