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
import { FarletError, messageOf } from '../../model/errors.ts';
import { LocalClaim } from '../../node/local-claim.ts';
import { isOver } from '../../node/own-process.ts';
import type { Owner } from '../../node/owner-claim.ts';
import type { NodeClaim } from '../../node/node-claim.ts';
import { Ownership } from '../../node/ownership.ts';
import { childController, orAbort } from '../../util/abort.ts';
import type { Beat } from '../../util/beat.ts';
import type { Clock } from '../../util/clock.ts';
import { retry } from '../../util/retry.ts';
import { stopAll } from '../../util/stopping.ts';

/** A node that runs, and what listens for it. */
export interface StartedNode {
  readonly app: NodeApp;
  readonly listener: { close(): Promise<void> };
}

export interface NodeStart {
  readonly node: NodeConfig;
  readonly claim: NodeClaim;
  /** Its Node was deleted as was asked for. */
  readonly onLeft: () => void;
  readonly signal: AbortSignal;
}

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
  readonly start: (start: NodeStart) => Promise<StartedNode>;
  /** Whether a start that fails is tried again, instead of ending the node's run. */
  readonly triesOn: boolean;
  readonly beat: Beat;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

const startAgain = { baseMs: 1_000, maxMs: 60_000, factor: 2, jitter: 0.2 };
/** How long a node that is put together anew may take to end. */
const END_MS = 8_000;

interface Running extends StartedNode {
  readonly life: AbortController;
}

export class OwnedNode {
  readonly name: string;
  readonly #options: OwnedNodeOptions;
  readonly #claim: Ownership | LocalClaim;
  /** all that belongs to the node ends with its being owned */
  readonly #life: AbortController;
  /** for as long as its lease is renewed */
  readonly #held: AbortController;
  readonly #failed = Promise.withResolvers<never>();
  #node: NodeConfig;
  #running: Running | undefined;
  #hasLeft = false;
  #mayStart = false;
  #startProblem: string | undefined;
  #starting: Promise<void> = Promise.resolve();

  constructor(options: OwnedNodeOptions) {
    this.name = options.node.name;
    this.#options = options;
    this.#node = options.node;
    this.#claim = options.hasCluster ? leaseClaim(options) : localClaim(options);
    this.#life = childController(options.signal);
    this.#held = childController(this.#life.signal);
    this.#failed.promise.catch(() => undefined);
  }

  /** undefined until the node is this farlet's, and while it is put together anew */
  app(): NodeApp | undefined {
    return this.#running?.app;
  }

  /** Why nothing is done for the node yet or any more; undefined: it is this farlet's. */
  problem(): string | undefined {
    return this.#claim.problem() ?? this.#startProblem;
  }

  /** Its Node was deleted as was asked for (docs/adr/0030): it was let go, and is not started again. */
  get hasLeft(): boolean {
    return this.#hasLeft;
  }

  /** When its lease was last renewed, ms since the epoch; undefined: it has not been, or there is none. */
  leaseRenewedAt(): number | undefined {
    return this.#claim instanceof Ownership ? this.#claim.renewedAt() : undefined;
  }

  /** Why it could not be started the last time. */
  get startProblem(): string | undefined {
    return this.#startProblem;
  }

  /** Waits for its turn, then runs the node; rejects with LostOwnership once another has it. */
  async run(): Promise<void> {
    const { claimed, triesOn } = this.#options;
    const { signal } = this.#life;
    await this.#claim.acquire({ signal });
    const kept = this.#claim.keep({ signal: this.#held.signal }).catch((error: unknown) => {
      if (this.#hasLeft) return orAbort(new Promise<never>(() => undefined), signal);
      this.#life.abort(error);
      throw error;
    });
    kept.catch(() => undefined);
    await claimed({ signal });
    this.#mayStart = true;
    await (triesOn ? this.#untilStarted() : this.#start());
    await Promise.race([kept, this.#failed.promise]);
  }

  /** Other labels, taints and the like, which cost nothing that runs. */
  configure(node: NodeConfig): void {
    this.#node = node;
    this.#running?.app.configure(node);
  }

  /**
   * Puts the node together by another configuration, as when farlet starts: containers run on, and the node
   * stays this farlet's. If that can't be started, the former is again, and this rejects with the reason.
   */
  async rebuild(node: NodeConfig): Promise<void> {
    const former = this.#node;
    this.#node = node;
    if (!this.#mayStart || this.#hasLeft) return;
    // one that is under way may be by the former
    await this.#starting.catch(() => undefined);
    await this.#end('is put together anew');
    try {
      await this.#start();
    } catch (error) {
      this.#node = former;
      // in the background: other nodes must not wait for it
      this.#untilStarted().catch(() => undefined);
      throw error;
    }
  }

  async stop({ signal }: { signal: AbortSignal }): Promise<void> {
    this.#life.abort(new FarletError('cancelled', `node ${this.name} ends`));
    await this.#starting.catch(() => undefined);
    const running = this.#running;
    const letGo = async (): Promise<void> => {
      try {
        await running?.app.stop({ signal });
      } finally {
        await this.#claim.release({ signal });
      }
    };
    await Promise.all([running?.listener.close(), letGo()]);
  }

  /** One start after the other, and none where it runs already. */
  #start(): Promise<void> {
    const turn = this.#starting.catch(() => undefined).then(() => this.#startOnce());
    this.#starting = turn;
    return turn;
  }

  async #startOnce(): Promise<void> {
    if (this.#running !== undefined || this.#hasLeft) return;
    const { start } = this.#options;
    const node = this.#node;
    const life = childController(this.#life.signal);
    try {
      const onLeft = (): void => void this.#leave();
      const started = await start({ node, claim: this.#claim, onLeft, signal: life.signal });
      this.#running = { ...started, life };
      this.#startProblem = undefined;
      // labels may have changed meanwhile
      if (this.#node !== node) started.app.configure(this.#node);
      started.app.run().catch((error: unknown) => {
        if (!life.signal.aborted) this.#failed.reject(error);
      });
    } catch (error) {
      life.abort(error);
      this.#startProblem = messageOf(error);
      throw error;
    }
  }

  async #untilStarted(): Promise<void> {
    const { clock, log } = this.#options;
    await retry(() => this.#start(), {
      policy: startAgain,
      clock,
      signal: this.#life.signal,
      onFailure: (error) => {
        log.warn({ err: error, node: this.name }, 'the node could not be started: trying again');
      },
    });
  }

  /** Lets go of a node that nothing is left to be done for. */
  async #leave(): Promise<void> {
    this.#hasLeft = true;
    this.#held.abort(new FarletError('cancelled', `node ${this.name} has left`));
    await this.#end('has left');
    await this.#claim.release({ signal: new AbortController().signal });
  }

  /** What runs of it, without letting go of the node. */
  async #end(why: string): Promise<void> {
    const { clock, log } = this.#options;
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    running.life.abort(new FarletError('cancelled', `node ${this.name} ${why}`));
    const { app, listener } = running;
    const parts = [
      { name: `kubelet API of ${this.name}`, stop: () => listener.close() },
      { name: `node ${this.name}`, stop: app.stop.bind(app) },
    ];
    await stopAll(parts, { ms: END_MS, clock, log });
  }
}

function leaseClaim(options: OwnedNodeOptions): Ownership {
  const { config, node, kube, me, beat, clock, signal } = options;
  const log = options.log.child({ node: node.name });
  // told before the node is this farlet's, so not by way of its fences
  const events = new Events({ client: kube, clock, log, host: node.name });
  return new Ownership({
    client: kube,
    beat,
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
      void events.flush({ signal });
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
