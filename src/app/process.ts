/** The process: connects to the cluster, builds the nodes, listens, runs, stops in order. */
import { claimsFirst } from './claims-first.ts';
import type { Config } from './config/schema.ts';
import { urlTarget } from '../hosts/link/http.ts';
import { addressTowards, anyOwnAddress } from '../hosts/link/own-address.ts';
import { readClusterId } from '../kube/cluster-id.ts';
import { connectKube, type KubeConnection } from '../kube/connect.ts';
import { isClusterConfigured } from '../kube/credentials.ts';
import { offlineKube } from '../kube/offline.ts';
import { FarletError, messageOf } from '../model/errors.ts';
import type { Faults } from '../model/faults.ts';
import type { Log } from '../model/log.ts';
import { buildNode, type NodeApp } from './node/node.ts';
import { ownProcess } from '../node/own-process.ts';
import type { NodeClaim } from '../node/node-claim.ts';
import { ownNode, type OwnedNode } from './node/owned-node.ts';
import { listenKubeletApi } from './node/kubelet-api.ts';
import { kubeletRouter } from '../api/server/kubelet-router.ts';
import { listenPlain } from '../api/server/plain-server.ts';
import { buildSharedCluster, showApiAccess } from './cluster/shared-cluster.ts';
import { standaloneProblem } from './standalone.ts';
import { stopAll, stopReason, waitAtMost, type Stoppable } from '../util/stopping.ts';
import { syncLoopsProblem } from '../sync/sync-loop-health.ts';
import { sampleLoopDelay } from '../telemetry/event-loop.ts';
import { contentType, createProcessMetrics, type ProcessMetrics } from '../telemetry/metrics.ts';
import { metricsText, type Exposed } from '../telemetry/metrics-text.ts';
import { childController } from '../util/abort.ts';
import { systemClock, type Clock } from '../util/clock.ts';
import { retry } from '../util/retry.ts';

export interface AppOptions {
  readonly config: Config;
  readonly kubeconfig: string | undefined;
  readonly version: string;
  readonly log: Log;
  readonly podIP: string | undefined;
  /** of the machine that farlet's pod is on */
  readonly hostIP: string | undefined;
  /** of the pod that farlet itself runs in */
  readonly podUid: string | undefined;
}

/** What is left of the ten seconds is for the connections to the API server, and the process's own end. */
const STOP_MS = 8_000;
const CLOSE_MS = 1_000;

/** Runs until the signal aborts; then leaves pods running and stops within ten seconds. */
export async function runApp(options: AppOptions, { signal }: { signal: AbortSignal }): Promise<void> {
  const { config, log, version } = options;
  const clock = systemClock;
  const nodes: OwnedNode[] = [];
  const running = (): NodeApp[] => nodes.flatMap((node) => node.app() ?? []);
  const standalone = !isClusterConfigured(options.kubeconfig);
  const problem = standalone ? standaloneProblem(config) : undefined;
  if (problem !== undefined) throw new FarletError('invalid', problem);
  const metrics = createProcessMetrics({
    refresh: () => {
      showApiAccess(metrics, { kube, reviews: common.reviews });
    },
  });
  const kube: KubeConnection = standalone
    ? offlineKube()
    : connectKube({
        userAgent: `farlet/${version}`,
        clock,
        onRequest: ({ code, method, host, seconds }) => {
          metrics.rest_client_requests_total.inc({ code, method, host });
          metrics.rest_client_request_duration_seconds.observe({ verb: method, host }, seconds);
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
      const problem = node.problem() ?? problemOf(node.app(), { needsApi, now: clock.monotonic() });
      return problem === undefined ? [] : [`node ${node.name}: ${problem}`];
    }),
  ];
  // whatever one pod, caller or answer made nobody expect: it has ended its own part, and is no reason to end
  // the others
  const faults: Faults = {
    report: (part, error, about) => {
      const [node] = running();
      if (node === undefined) log.error({ err: error, part }, 'an exception that nobody expected');
      else node.faults.report(part, error, about);
    },
  };
  const onUncaught = (error: unknown): void => {
    faults.report('process', error);
  };
  process.on('uncaughtException', onUncaught).on('unhandledRejection', onUncaught);
  const listeners: Stoppable[] = [];
  const listens = (name: string, listener: { close(): unknown }): void => {
    listeners.push({ name, stop: () => listener.close() });
  };
  let failure: unknown;
  const life = childController(signal);
  sampleLoopDelay({
    clock,
    onDelay: (seconds) => {
      metrics.nodejs_eventloop_delay_seconds.observe(seconds);
    },
    signal: life.signal,
  });
  const own = { config, kube, clock, log, faults, signal: life.signal };
  const common = buildSharedCluster({ ...own, metrics });
  try {
    if (config.healthzPort > 0)
      listens(
        'healthz',
        await keyed(
          'healthzPort',
          listenPlain(
            { healthProblems: health },
            { host: config.healthzBindAddress, port: config.healthzPort },
          ),
        ),
      );
    if (config.metricsPort > 0) {
      listens(
        'metrics',
        await keyed(
          'metricsPort',
          listenPlain(
            {
              metrics: () => ({
                pieces: metricsText(exposed(running(), { metrics, several: config.nodes.length > 1 })),
                contentType,
              }),
            },
            { host: config.metricsBindAddress, port: config.metricsPort },
          ),
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
    const ownIP = once(() =>
      options.podIP === undefined
        ? ownAddress(kube, { log, clock, signal: life.signal, needsApi })
        : Promise.resolve(options.podIP),
    );
    const me = ownProcess(options.podUid);
    const router = await kubeletRouter();
    const claimed = claimsFirst(config.nodes.length, { clock });
    for (const node of config.nodes) {
      const start = async (claim: NodeClaim, ofNode: AbortSignal): Promise<NodeApp> => {
        const nodeIPs = node.nodeIP ?? [await ownIP()];
        const shared = { ...own, node, nodeIPs, hostIP: options.hostIP, common, claim, signal: ofNode };
        const app = buildNode({ ...shared, cluster });
        const listener = await keyed(
          `port of node ${node.name}`,
          listenKubeletApi({ ...shared, router, app, processMetrics: metrics }),
        );
        listens(`kubelet API of ${node.name}`, listener);
        return app;
      };
      nodes.push(ownNode({ ...own, node, hasCluster: !standalone, me, claimed, start }));
    }
    await Promise.all([cluster?.then(() => common.run()), ...nodes.map((node) => node.run())]);
  } catch (error) {
    if (!signal.aborted) {
      failure = error;
      life.abort(error);
      throw error;
    }
  } finally {
    log.info({}, stopReason(signal, failure));
    const ends = nodes.map((node) => ({ name: `node ${node.name}`, stop: node.stop.bind(node) }));
    await stopAll([...listeners, ...ends], { ms: STOP_MS, clock, log });
    await waitAtMost(kube.close(), { ms: CLOSE_MS, clock });
    process.off('uncaughtException', onUncaught).off('unhandledRejection', onUncaught);
    log.info({}, 'stopped');
  }
}

/** Several nodes are told apart by a label; what the process has one of has none. */
function exposed(
  nodes: readonly NodeApp[],
  { metrics, several }: { metrics: ProcessMetrics; several: boolean },
): Exposed[] {
  const each = nodes.map((node) => ({ node: several ? node.name : undefined, metrics: node.metrics }));
  return [...each, { node: undefined, metrics }];
}

/** Why a node that this farlet runs is not as it should be. */
function problemOf(
  node: NodeApp | undefined,
  { needsApi, now }: { needsApi: boolean; now: number },
): string | undefined {
  if (node === undefined) return 'has not started yet';
  if (!node.podsAreKnown({ withoutApi: !needsApi })) return 'its pods have not been listed yet';
  return node.problem() ?? syncLoopsProblem(node.hosts, now);
}

function once<T>(work: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  return () => (running ??= work());
}

/**
 * The address that packets to the API server leave from; tries on while its route is unknown, if nothing can
 * run without it.
 */
async function ownAddress(
  { server }: KubeConnection,
  { log, clock, signal, needsApi }: { log: Log; clock: Clock; signal: AbortSignal; needsApi: boolean },
): Promise<string> {
  if (server === '') return anyOwnAddress();
  const attempt = (): Promise<string> => addressTowards(urlTarget(new URL(server)));
  if (needsApi)
    return retry(attempt, {
      policy: { baseMs: 500, maxMs: 5_000, factor: 1.5, jitter: 0.2 },
      clock,
      signal,
      onFailure: (error) => {
        log.warn(
          { err: error, server },
          'waiting for the API server, whose route gives the node its address',
        );
      },
    });
  try {
    return await attempt();
  } catch (error) {
    const address = anyOwnAddress();
    log.warn(
      { err: error, address },
      "no route to the API server: taking this machine's first address; set nodeIP to choose another",
    );
    return address;
  }
}

/** A listener; why it can't listen is told by the key of the configuration that says where. */
async function keyed<T>(key: string, listening: Promise<T>): Promise<T> {
  try {
    return await listening;
  } catch (error) {
    const advice =
      error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
        ? '; choose another, or end what has it (ss -ltnp shows which that is)'
        : '';
    throw new FarletError('unavailable', `${key}: ${messageOf(error)}${advice}`, { cause: error });
  }
}
