/** The process: connects to the cluster, runs the nodes, stops in order. Composition only. */
import type { Config } from './config/schema.ts';
import { Listeners, listenPlainPorts } from './listeners.ts';
import { NodeFleet } from './node-fleet.ts';
import { loadTracer } from './open-tracing.ts';
import { processContext, surviveUncaught, type ProcessContext } from './process-context.ts';
import { ConfigReloads, type ConfigReloadsOptions } from './config-reloads.ts';
import { ProcessHealth } from './process-health.ts';
import { standaloneProblem } from './standalone.ts';
import { kubeletRouter, type KubeletRouter } from '../api/server/kubelet-router.ts';
import { Strangers } from '../api/server/strangers.ts';
import { loadProtocol } from '../hosts/cri/connect.ts';
import { readClusterId } from '../kube/cluster-id.ts';
import { isClusterConfigured } from '../kube/kubeconfig.ts';
import { FarletError } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import { ownProcess } from '../node/own-process.ts';
import type { ProcessMetrics } from '../telemetry/metrics.ts';
import { childController } from '../util/abort.ts';
import type { Clock } from '../util/clock.ts';
import { supervise } from '../util/supervise.ts';
import { stopAll, stopReason, waitAtMost } from '../util/stopping.ts';

export interface AppOptions {
  readonly config: Config;
  /** where the configuration came from, and what takes over its log level */
  readonly configFile: Pick<ConfigReloadsOptions, 'file' | 'text' | 'parse' | 'setLevel'>;
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
  const standalone = !isClusterConfigured(options.kubeconfig);
  const problem = standalone ? standaloneProblem(options.config) : undefined;
  if (problem !== undefined) throw new FarletError('invalid', problem);
  const life = childController(signal);
  // what takes the loop for long comes first, while nobody waits for an answer or a heartbeat
  loadProtocol();
  const router = await kubeletRouter();
  const tracerModule = await loadTracer(options.config);
  const context = processContext({ ...options, tracerModule, standalone, signal: life.signal });
  const listeners = new Listeners();
  const takeBack = surviveUncaught(context.faults);
  let failure: unknown;
  try {
    const health = new ProcessHealth(context);
    await listenPlainPorts(context, { listeners, healthProblems: () => health.problems() });
    const cluster = await identifyCluster(context, health);
    await runNodes(context, { options, cluster, router });
  } catch (error) {
    if (!signal.aborted) {
      failure = error;
      life.abort(error);
      throw error;
    }
  } finally {
    context.log.info({}, stopReason(signal, failure));
    await stop(context, listeners);
    takeBack();
    context.log.info({}, 'stopped');
  }
}

/** What tells this cluster from others, once it answered; undefined: there is none to ask. */
interface Cluster {
  readonly id: Promise<string> | undefined;
}

/** Waits for the API server only if no node has work without it. */
async function identifyCluster(context: ProcessContext, health: ProcessHealth): Promise<Cluster> {
  const { standalone, needsApi, log } = context;
  if (standalone) {
    log.info({}, 'no API server is configured: static pods only');
    return { id: undefined };
  }
  const id = readClusterId(context.kube, {
    ...context,
    onProblem: (found) => {
      health.apiProblem = found;
    },
  });
  id.catch(() => undefined);
  if (needsApi) await id;
  return { id };
}

/** Runs every node as soon as it is this farlet's, each with a kubelet API of its own. */
async function runNodes(
  context: ProcessContext,
  { options, cluster, router }: { options: AppOptions; cluster: Cluster; router: KubeletRouter },
): Promise<void> {
  const { config, common, followed, beat, clock, log, faults, metrics, signal } = context;
  const { podIP, hostIP } = options;
  const me = ownProcess(options.podUid);
  const strangers = new Strangers({ clock });
  const fleet = new NodeFleet(context, { podIP, hostIP, me, router, strangers, cluster: cluster.id });
  const reloads = new ConfigReloads({
    ...options.configFile,
    applied: config,
    isStandalone: context.standalone,
    fleet,
    onOutcome: configObserver(metrics, clock),
    beat,
    clock,
    log,
  });
  const supervised = { faults, clock, signal };
  await Promise.all([
    cluster.id?.then(() => common.run()),
    supervise('files', (life) => followed.run({ beat, signal: life }), supervised),
    supervise('configuration', (life) => reloads.run(life), supervised),
    fleet.run(),
  ]);
}

function configObserver(
  metrics: ProcessMetrics,
  clock: Pick<Clock, 'now'>,
): ConfigReloadsOptions['onOutcome'] {
  return ({ problem, needsRestart }) => {
    metrics.farlet_config_last_reload_successful.set(problem === undefined ? 1 : 0);
    metrics.farlet_config_restart_needed.set(needsRestart.length === 0 ? 0 : 1);
    if (problem === undefined)
      metrics.farlet_config_last_reload_success_timestamp_seconds.set(Math.floor(clock.now() / 1000));
  };
}

async function stop(context: ProcessContext, listeners: Listeners): Promise<void> {
  const { nodes, kube, kubeOf, tracing, clock, log } = context;
  const ends = nodes.map((node) => ({ name: `node ${node.name}`, stop: node.stop.bind(node) }));
  await stopAll([...listeners.open, ...ends], { ms: STOP_MS, clock, log });
  const closed = [kube, ...kubeOf.values()].map((each) => each.close());
  await waitAtMost(Promise.all([...closed, tracing?.close()]), { ms: CLOSE_MS, clock });
}
