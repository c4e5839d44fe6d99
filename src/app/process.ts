/** The process: connects to the cluster, runs the nodes, stops in order. Composition only. */
import { claimsFirst } from './claims-first.ts';
import type { Config } from './config/schema.ts';
import { clusterOfOwnAccount } from './cluster/shared-cluster.ts';
import { Listeners, listenPlainPorts } from './listeners.ts';
import { listenKubeletApi } from './node/kubelet-api.ts';
import { buildNode, type NodeApp } from './node/node.ts';
import { ownNode } from './node/owned-node.ts';
import { ownIP } from './own-ip.ts';
import { processContext, surviveUncaught, type ProcessContext } from './process-context.ts';
import { ProcessHealth } from './process-health.ts';
import { standaloneProblem } from './standalone.ts';
import { kubeletRouter } from '../api/server/kubelet-router.ts';
import { Strangers } from '../api/server/strangers.ts';
import { readClusterId } from '../kube/cluster-id.ts';
import { isClusterConfigured } from '../kube/credentials.ts';
import { FarletError } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import type { NodeClaim } from '../node/node-claim.ts';
import { ownProcess } from '../node/own-process.ts';
import { childController } from '../util/abort.ts';
import { stopAll, stopReason, waitAtMost } from '../util/stopping.ts';

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
  const standalone = !isClusterConfigured(options.kubeconfig);
  const problem = standalone ? standaloneProblem(options.config) : undefined;
  if (problem !== undefined) throw new FarletError('invalid', problem);
  const life = childController(signal);
  const context = processContext({ ...options, standalone, signal: life.signal });
  const listeners = new Listeners();
  const takeBack = surviveUncaught(context.faults);
  let failure: unknown;
  try {
    const health = new ProcessHealth(context);
    await listenPlainPorts(context, { listeners, healthProblems: () => health.problems() });
    const cluster = await identifyCluster(context, health);
    await runNodes(context, { options, cluster, listeners });
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
  { options, cluster, listeners }: { options: AppOptions; cluster: Cluster; listeners: Listeners },
): Promise<void> {
  const { config, common, clock, standalone, metrics, kubeOf } = context;
  const me = ownProcess(options.podUid);
  const router = await kubeletRouter();
  const strangers = new Strangers({ clock });
  const claimed = claimsFirst(config.nodes.length, { clock });
  let address: Promise<string> | undefined;
  for (const node of config.nodes) {
    const kube = kubeOf.get(node.name);
    const account =
      kube === undefined ? {} : { kube, common: clusterOfOwnAccount(common, { ...context, kube }) };
    const start = async (claim: NodeClaim, signal: AbortSignal): Promise<NodeApp> => {
      const nodeIPs = node.nodeIP ?? [options.podIP ?? (await (address ??= ownIP(context)))];
      const shared = { ...context, ...account, node, nodeIPs, hostIP: options.hostIP, claim, signal };
      const app = buildNode({ ...shared, cluster: cluster.id });
      await listeners.add(`kubelet API of ${node.name}`, {
        key: `port of node ${node.name}`,
        listening: listenKubeletApi({
          ...shared,
          approver: context.kube,
          router,
          strangers,
          app,
          processMetrics: metrics,
        }),
      });
      return app;
    };
    context.nodes.push(
      ownNode({ ...context, ...account, node, hasCluster: !standalone, me, claimed, start }),
    );
  }
  await Promise.all([cluster.id?.then(() => common.run()), ...context.nodes.map((node) => node.run())]);
}

async function stop(context: ProcessContext, listeners: Listeners): Promise<void> {
  const { nodes, kube, kubeOf, clock, log } = context;
  const ends = nodes.map((node) => ({ name: `node ${node.name}`, stop: node.stop.bind(node) }));
  await stopAll([...listeners.open, ...ends], { ms: STOP_MS, clock, log });
  const connections = [kube, ...kubeOf.values()];
  await waitAtMost(Promise.all(connections.map((each) => each.close())), { ms: CLOSE_MS, clock });
}
