/** What all of a process shares, made once: its cluster, clock, log, metrics and faults. Composition only. */
import type { Config } from './config/schema.ts';
import { buildSharedCluster, showApiAccess, type SharedCluster } from './cluster/shared-cluster.ts';
import type { OwnedNode } from './node/owned-node.ts';
import { connectKube, type KubeConnection } from '../kube/connect.ts';
import { offlineKube } from '../kube/offline.ts';
import type { Faults } from '../model/faults.ts';
import type { Log } from '../model/log.ts';
import { sampleLoopDelay } from '../telemetry/event-loop.ts';
import { openTracing, type TracerModule } from './open-tracing.ts';
import type { Tracing } from '../telemetry/tracing.ts';
import { createProcessMetrics, type ProcessMetrics } from '../telemetry/metrics.ts';
import { Beat } from '../util/beat.ts';
import { systemClock, type Clock } from '../util/clock.ts';
import { FewAtOnce } from '../util/few-at-once.ts';
import { FollowedFiles } from '../util/followed-files.ts';

export interface ProcessContext {
  readonly config: Config;
  readonly kube: KubeConnection;
  /** of nodes that have an account of their own, by name */
  readonly kubeOf: Map<string, KubeConnection>;
  /** Opens one more, by that kubeconfig. */
  readonly connect: (kubeconfig: string | undefined) => KubeConnection;
  /** no API server is configured: static pods only */
  readonly standalone: boolean;
  /** false: every node has manifests, and with them work to do while the API server is away */
  readonly needsApi: boolean;
  readonly common: SharedCluster;
  /** keys, certificates and the like that may be replaced at any time */
  readonly followed: FollowedFiles;
  /** as they come, in the order of the configuration */
  readonly nodes: OwnedNode[];
  readonly metrics: ProcessMetrics;
  /** undefined: tracing is off */
  readonly tracing: Tracing | undefined;
  readonly faults: Faults;
  /** of what the process does once; its nodes' share their ticks with it */
  readonly beat: Beat;
  /** pods that run already, when farlet starts */
  readonly takingUp: FewAtOnce;
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
  /** what traces are made with, where they are configured */
  readonly tracerModule: TracerModule | undefined;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/**
 * Pods of all nodes that are taken up at once after a restart, and how soon one more is while some are still
 * at it: a hundred a second where each waits long for its answers, and more where it does not.
 */
const TAKEN_UP = 8;
const TAKE_UP_MS = 10;

/** Connects to nothing yet. */
export function processContext(options: ProcessContextOptions): ProcessContext {
  const { config, standalone, log, signal } = options;
  const clock = systemClock;
  const beat = new Beat(clock);
  const nodes: OwnedNode[] = [];
  const metrics = createProcessMetrics({
    refresh: () => {
      showApiAccess(metrics, { all: [kube, ...kubeOf.values()], reviews: common.reviews });
      showOwnership(metrics, nodes);
    },
  });
  const followed = followFiles(metrics, { clock, log });
  const tracing = openTracing(options, { metrics, clock });
  const connect = (kubeconfig: string | undefined): KubeConnection =>
    connectMeasured({ ...options, kubeconfig }, { clock, metrics, followed });
  const kube = standalone ? offlineKube() : connect(options.kubeconfig);
  const kubeOf = new Map<string, KubeConnection>();
  const faults = processFaults(nodes, log);
  const common = buildSharedCluster({ config, kube, metrics, clock, log, faults, signal });
  sampleLoopDelay({
    beat,
    clock,
    onDelay: (seconds) => {
      metrics.nodejs_eventloop_delay_seconds.observe(seconds);
    },
    signal,
  });
  const needsApi = config.nodes.every(({ staticPodPath }) => staticPodPath === undefined);
  const access = { kube, kubeOf, connect, common, followed };
  return {
    config,
    standalone,
    needsApi,
    ...access,
    nodes,
    metrics,
    tracing,
    faults,
    beat,
    takingUp: new FewAtOnce({ few: TAKEN_UP, patienceMs: TAKE_UP_MS, clock }),
    clock,
    log,
    signal,
  };
}

function showOwnership(metrics: ProcessMetrics, nodes: readonly OwnedNode[]): void {
  // a node that was taken out of the configuration, or taken away, is none any more
  metrics.farlet_node_owned.reset();
  metrics.farlet_node_lease_renewed_timestamp_seconds.reset();
  for (const each of nodes) {
    if (each.hasLeft) continue;
    const labels = { node: each.name };
    metrics.farlet_node_owned.set(labels, each.app() !== undefined && each.problem() === undefined ? 1 : 0);
    const renewedAt = each.leaseRenewedAt();
    if (renewedAt !== undefined)
      metrics.farlet_node_lease_renewed_timestamp_seconds.set(labels, renewedAt / 1000);
  }
}

function connectMeasured(
  { version, kubeconfig }: ProcessContextOptions,
  { clock, metrics, followed }: { clock: Clock; metrics: ProcessMetrics; followed: FollowedFiles },
): KubeConnection {
  return connectKube({
    userAgent: `farlet/${version}`,
    clock,
    onRequest: ({ code, method, host, seconds }) => {
      metrics.rest_client_requests_total.inc({ code, method, host });
      metrics.rest_client_request_duration_seconds.observe({ verb: method, host }, seconds);
    },
    onCredentials: ({ files, ...outcome }) => {
      followed.looked(files, outcome);
    },
    kubeconfig,
  });
}

function followFiles(metrics: ProcessMetrics, { clock, log }: { clock: Clock; log: Log }): FollowedFiles {
  return new FollowedFiles({
    onLook: (file, problem) => {
      metrics.farlet_file_reload_successful.set({ file }, problem === undefined ? 1 : 0);
      if (problem === undefined)
        metrics.farlet_file_reload_success_timestamp_seconds.set({ file }, Math.floor(clock.now() / 1000));
    },
    onReleased: (file) => {
      metrics.farlet_file_reload_successful.remove({ file });
      metrics.farlet_file_reload_success_timestamp_seconds.remove({ file });
    },
    clock,
    log,
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
