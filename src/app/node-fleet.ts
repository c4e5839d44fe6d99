/** The nodes of the process: started with it, added and removed while it runs. Composition only. */
import { claimsFirst } from './claims-first.ts';
import { clusterOfOwnAccount } from './cluster/shared-cluster.ts';
import type { NodeConfig } from './config/schema.ts';
import { listening } from './listeners.ts';
import { listenKubeletApi } from './node/kubelet-api.ts';
import { buildNode } from './node/node.ts';
import { OwnedNode, type NodeStart, type OwnedNodeOptions, type StartedNode } from './node/owned-node.ts';
import { ownIP } from './own-ip.ts';
import type { ProcessContext } from './process-context.ts';
import type { KubeletRouter } from '../api/server/kubelet-router.ts';
import type { Strangers } from '../api/server/strangers.ts';
import { FarletError } from '../model/errors.ts';
import type { Owner } from '../node/owner-claim.ts';
import { stopAll } from '../util/stopping.ts';
import { calmTurn } from '../util/turn.ts';

export interface NodeFleetOptions {
  readonly podIP: string | undefined;
  readonly hostIP: string | undefined;
  readonly me: Owner;
  readonly router: KubeletRouter;
  readonly strangers: Strangers;
  /** tells this cluster from others, once it answered; undefined: there is none to ask */
  readonly cluster: Promise<string> | undefined;
}

type Account = Pick<ProcessContext, 'kube' | 'common'>;
/** what a node has instead of the process's */
type Own = Account & Pick<ProcessContext, 'beat'>;

/** As long as the process itself gets to end. */
const REMOVE_MS = 10_000;

export class NodeFleet {
  readonly #context: ProcessContext;
  readonly #options: NodeFleetOptions;
  readonly #failed = Promise.withResolvers<never>();
  #address: Promise<string> | undefined;
  /** hosts so far: each has its place among those of the process, and its beat by that (util/beat.ts) */
  #beats = 0;

  constructor(context: ProcessContext, options: NodeFleetOptions) {
    this.#context = context;
    this.#options = options;
  }

  /** Runs the nodes that the process began with; rejects once any node of it must not run on. */
  async run(): Promise<void> {
    const { config, clock } = this.#context;
    const claimed = claimsFirst(config.nodes.length, { clock });
    const first = config.nodes.map((node) => this.#own(node, { claimed, triesOn: false }));
    await Promise.all([this.#failed.promise, ...first.map((node) => this.#run(node))]);
  }

  /** One more node, as soon as it is this farlet's; a start that fails is tried again. */
  add(node: NodeConfig): void {
    const owned = this.#own(node, { claimed: () => Promise.resolve(), triesOn: true });
    this.#run(owned).catch((error: unknown) => {
      this.#failed.reject(error);
    });
  }

  /** Lets go of a node: the Node, its pods and their containers stay as they are. */
  async remove(name: string): Promise<void> {
    const { nodes, kubeOf, clock, log } = this.#context;
    const owned = this.node(name);
    nodes.splice(nodes.indexOf(owned), 1);
    const part = { name: `node ${name}`, stop: owned.stop.bind(owned) };
    await stopAll([part], { ms: REMOVE_MS, clock, log });
    await kubeOf.get(name)?.close();
    kubeOf.delete(name);
  }

  /** @throws FarletError `not-found` */
  node(name: string): OwnedNode {
    const owned = this.#context.nodes.find((each) => each.name === name);
    if (owned === undefined) throw new FarletError('not-found', `this farlet has no node ${name}`);
    return owned;
  }

  #own(node: NodeConfig, how: Pick<OwnedNodeOptions, 'claimed' | 'triesOn'>): OwnedNode {
    const { standalone, nodes, beat } = this.#context;
    const own = { ...this.#accountOf(node), beat: beat.shifted(this.#beats) };
    this.#beats += node.hosts.length;
    const owned = new OwnedNode({
      ...this.#context,
      ...own,
      ...how,
      node,
      hasCluster: !standalone,
      me: this.#options.me,
      start: (start) => this.#start(start, own),
    });
    nodes.push(owned);
    return owned;
  }

  /** A node that was removed ends with what it was stopped by, which is no failure. */
  async #run(node: OwnedNode): Promise<void> {
    try {
      await node.run();
    } catch (error) {
      if (this.#context.nodes.includes(node)) throw error;
    }
  }

  /** By which account the node reaches the API server: the process's, or one of its own. */
  #accountOf({ name, kubeconfig }: NodeConfig): Account {
    const { kube, kubeOf, connect, common } = this.#context;
    if (kubeconfig === undefined) return { kube, common };
    const own = kubeOf.get(name) ?? connect(kubeconfig);
    kubeOf.set(name, own);
    return { kube: own, common: clusterOfOwnAccount(common, { ...this.#context, kube: own }) };
  }

  async #start({ node, ...start }: NodeStart, own: Own): Promise<StartedNode> {
    const { podIP, hostIP, cluster, router, strangers } = this.#options;
    const nodeIPs = node.nodeIP ?? [podIP ?? (await (this.#address ??= ownIP(this.#context)))];
    const shared = { ...this.#context, ...own, node, nodeIPs, hostIP, ...start };
    // its lease is renewed already
    await calmTurn();
    start.signal.throwIfAborted();
    const app = buildNode({ ...shared, cluster });
    try {
      const { kube: approver, metrics } = this.#context;
      const listener = await listening(
        `port of node ${node.name}`,
        listenKubeletApi({ ...shared, approver, router, strangers, app, processMetrics: metrics }),
      );
      return { app, listener };
    } catch (error) {
      await Promise.all(app.hosts.map((host) => host.close()));
      throw error;
    }
  }
}
