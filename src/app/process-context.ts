/** What all of a process shares, made once: its cluster, clock, log, metrics and faults. Composition only. */
import type { Config } from './config/schema.ts';
import { buildSharedCluster, showApiAccess, type SharedCluster } from './cluster/shared-cluster.ts';
import type { OwnedNode } from './node/owned-node.ts';
import { connectKube, type KubeConnection } from '../kube/connect.ts';
import { offlineKube } from '../kube/offline.ts';
import type { Faults } from '../model/faults.ts';
import type { Log } from '../model/log.ts';
import { sampleLoopDelay } from '../telemetry/event-loop.ts';
import { createProcessMetrics, type ProcessMetrics } from '../telemetry/metrics.ts';
import { systemClock, type Clock } from '../util/clock.ts';

export interface ProcessContext {
  readonly config: Config;
  readonly kube: KubeConnection;
  /** of nodes that have an account of their own, by name */
  readonly kubeOf: ReadonlyMap<string, KubeConnection>;
  /** no API server is configured: static pods only */
  readonly standalone: boolean;
  /** false: every node has manifests, and with them work to do while the API server is away */
  readonly needsApi: boolean;
  readonly common: SharedCluster;
  /** as they come, in the order of the configuration */
  readonly nodes: OwnedNode[];
  readonly metrics: ProcessMetrics;
  readonly faults: Faults;
  readonly clock: Clock;
  readonly log: Log;
  /** aborted when the process ends, for whatever reason */
  readonly signal: AbortSignal;
}

export interface ProcessContextOptions {
  readonly config: Config;
  readonly kubeconfig: string | undefined;
  readonly standalone: boolean;
  readonly version: string;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Connects to nothing yet. */
export function processContext(options: ProcessContextOptions): ProcessContext {
  const { config, standalone, log, signal } = options;
  const clock = systemClock;
  const nodes: OwnedNode[] = [];
  const metrics = createProcessMetrics({
    refresh: () => {
      showApiAccess(metrics, { all: [kube, ...kubeOf.values()], reviews: common.reviews });
    },
  });
  const kube = standalone ? offlineKube() : connectMeasured(options, { clock, metrics });
  const kubeOf = new Map<string, KubeConnection>();
  for (const { name, kubeconfig } of config.nodes)
    if (kubeconfig !== undefined)
      kubeOf.set(name, connectMeasured({ ...options, kubeconfig }, { clock, metrics }));
  const faults = processFaults(nodes, log);
  const common = buildSharedCluster({ config, kube, metrics, clock, log, faults, signal });
  sampleLoopDelay({
    clock,
    onDelay: (seconds) => {
      metrics.nodejs_eventloop_delay_seconds.observe(seconds);
    },
    signal,
  });
  const needsApi = config.nodes.every(({ staticPodPath }) => staticPodPath === undefined);
  return { config, kube, kubeOf, standalone, needsApi, common, nodes, metrics, faults, clock, log, signal };
}

function connectMeasured(
  { version, kubeconfig }: ProcessContextOptions,
  { clock, metrics }: { clock: Clock; metrics: ProcessMetrics },
): KubeConnection {
  return connectKube({
    userAgent: `farlet/${version}`,
    clock,
    onRequest: ({ code, method, host, seconds }) => {
      metrics.rest_client_requests_total.inc({ code, method, host });
      metrics.rest_client_request_duration_seconds.observe({ verb: method, host }, seconds);
    },
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
  });
}

/** What belongs to no node is told by the first that runs: only nodes have a word in the cluster. */
function processFaults(nodes: readonly OwnedNode[], log: Log): Faults {
  return {
    report: (part, error, about) => {
      const node = nodes.find((each) => each.app() !== undefined)?.app();
      if (node === undefined) log.error({ err: error, part }, 'an exception that nobody expected');
      else node.faults.report(part, error, about);
    },
  };
}

/**
 * Whatever one pod, caller or answer made nobody expect has ended its own part, and is no reason to end the
 * others. Returns what takes this back.
 */
export function surviveUncaught(faults: Faults): () => void {
  const onUncaught = (error: unknown): void => {
    faults.report('process', error);
  };
  process.on('uncaughtException', onUncaught).on('unhandledRejection', onUncaught);
  return () => {
    process.off('uncaughtException', onUncaught).off('unhandledRejection', onUncaught);
  };
}
