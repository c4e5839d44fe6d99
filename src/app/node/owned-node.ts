/**
 * A node from when it is waited for until it is let go: nothing of it is there before it is this farlet's.
 * Composition only.
 */
import type { Config, NodeConfig } from '../config/schema.ts';
import type { KubeConnection } from '../../kube/connect.ts';
import { Events } from '../../kube/events.ts';
import type { Log } from '../../model/log.ts';
import { nodeReference } from '../../model/pod-ref.ts';
import type { NodeApp } from './node.ts';
import { LocalClaim } from '../../node/local-claim.ts';
import { isOver } from '../../node/own-process.ts';
import type { Owner } from '../../node/owner-claim.ts';
import type { NodeClaim } from '../../node/node-claim.ts';
import { Ownership } from '../../node/ownership.ts';
import { childController } from '../../util/abort.ts';
import type { Clock } from '../../util/clock.ts';

export interface OwnedNodeOptions {
  readonly config: Config;
  readonly node: NodeConfig;
  readonly kube: KubeConnection;
  /** false: there is no API server, and nothing to claim the node by but its host */
  readonly hasCluster: boolean;
  readonly me: Owner;
  /** Told that the node is claimed; it starts once this resolves. */
  readonly claimed: (options: { signal: AbortSignal }) => Promise<void>;
  /** Builds the node, and opens its kubelet API. */
  readonly start: (claim: NodeClaim, signal: AbortSignal) => Promise<NodeApp>;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export interface OwnedNode {
  readonly name: string;
  /** undefined until the node is this farlet's */
  app(): NodeApp | undefined;
  /** Why nothing is done for the node yet or any more; undefined: it is this farlet's. */
  problem(): string | undefined;
  /** When its lease was last renewed, ms since the epoch; undefined: it has not been, or there is none. */
  leaseRenewedAt(): number | undefined;
  /** Waits for its turn, then runs the node; rejects with LostOwnership once another has it. */
  run(): Promise<void>;
  stop(options: { signal: AbortSignal }): Promise<void>;
}

export function ownNode(options: OwnedNodeOptions): OwnedNode {
  const { node, claimed, start } = options;
  const claim = options.hasCluster ? leaseClaim(options) : localClaim(options);
  // all that belongs to the node ends with its being owned
  const life = childController(options.signal);
  let app: NodeApp | undefined;
  return {
    name: node.name,
    app: () => app,
    problem: claim.problem.bind(claim),
    leaseRenewedAt: () => (claim instanceof Ownership ? claim.renewedAt() : undefined),
    run: async () => {
      await claim.acquire({ signal: life.signal });
      const kept = claim.keep({ signal: life.signal }).catch((error: unknown) => {
        life.abort(error);
        throw error;
      });
      kept.catch(() => undefined);
      await claimed({ signal: life.signal });
      app = await start(claim, life.signal);
      await Promise.race([kept, app.run()]);
    },
    stop: async (options) => {
      try {
        await app?.stop(options);
      } finally {
        await claim.release(options);
      }
    },
  };
}

function leaseClaim({ config, node, kube, me, clock, ...rest }: OwnedNodeOptions): Ownership {
  const log = rest.log.child({ node: node.name });
  // told before the node is this farlet's, so not by way of its fences
  const events = new Events({ client: kube, clock, log, host: node.name });
  return new Ownership({
    client: kube,
    clock,
    log,
    node: node.name,
    me,
    durationSeconds: config.nodeLeaseDurationSeconds,
    isOver: (process) => isOver(process, me),
    mayBeginUnasked: node.staticPodPath !== undefined,
    onWaiting: (owner) => {
      events.event(
        nodeReference(node.name),
        'OwnedByAnother',
        `${me.name} waits to run node ${node.name}, which ${owner} runs`,
      );
      void events.flush({ signal: rest.signal });
    },
  });
}

function localClaim({ node, me, clock, log }: OwnedNodeOptions): LocalClaim {
  const isLocal = node.hosts.some(({ endpoint }) => endpoint.startsWith('unix:'));
  return new LocalClaim({
    folder: isLocal ? node.rootDir : undefined,
    me,
    clock,
    log: log.child({ node: node.name }),
  });
}
