/** The Node object as the API server has it, as far as has been observed, and whether somebody deleted it. */
import type { KubeNode } from '../model/kube.ts';
import { isLeavingNode } from '../model/leaving-node.ts';
import type { Log } from '../model/log.ts';
import { isNewer } from '../kube/versions.ts';
import { backoffMs } from '../util/backoff.ts';
import type { Clock } from '../util/clock.ts';
import { isChanged } from './node-watch.ts';

export interface RegisteredNodeOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** the UID of the Node that the lease belongs to; undefined: it is there no more and will be again */
  readonly onRegistered: (uid: string | undefined) => void;
  /** whether it is being taken away, whenever that has changed */
  readonly onLeaving: (isLeaving: boolean) => void;
}

/** Who deletes a Node may be about to make it anew; who deletes it again and again means it. */
const again = { baseMs: 2_000, maxMs: 300_000, factor: 2, jitter: 0.1 };

export class RegisteredNode {
  readonly #options: RegisteredNodeOptions;
  #node: KubeNode | undefined;
  /** ms (monotonic) when a Node that was deleted while it was in use is registered again */
  #dueAt: number | undefined;
  #deletions = { times: 0, at: -Infinity };
  #isLeaving = false;
  #hasLeft = false;

  constructor(options: RegisteredNodeOptions) {
    this.#options = options;
  }

  /** As last observed, also after its deletion; undefined before it was registered. */
  current(): KubeNode | undefined {
    return this.#node;
  }

  /** ms until it is registered again, below 0 once that is due; undefined: nobody has deleted it. */
  againInMs(): number | undefined {
    return this.#dueAt === undefined ? undefined : this.#dueAt - this.#options.clock.monotonic();
  }

  /** Whether it was deleted as was asked for: it stays away, whoever makes another. */
  get hasLeft(): boolean {
    return this.#hasLeft;
  }

  /** As the API server has just answered. */
  take(node: KubeNode): void {
    this.#node = node;
    this.#dueAt = undefined;
    this.#options.onRegistered(node.metadata.uid);
    const isLeaving = isLeavingNode(node);
    if (isLeaving === this.#isLeaving) return;
    this.#isLeaving = isLeaving;
    const { log, onLeaving } = this.#options;
    log.info({}, isLeaving ? 'the node is being taken away: nothing new is run' : 'the node stays');
    onLeaving(isLeaving);
  }

  /** The answer to a write of its status, which others may have overtaken. */
  written(node: KubeNode): void {
    if (this.#node !== undefined && isNewer(node, this.#node)) this.#node = node;
  }

  /**
   * What others write to it counts. `listed`: read just now. Whether its status has to be reported anew: it
   * is back, or its labels, annotations or spec have changed. What others write into the status is put right
   * with the next report: not at once, for they may do the same.
   */
  observed(read: KubeNode, { listed }: { listed: boolean }): boolean {
    const before = this.#node;
    if (before === undefined || this.#hasLeft || (!listed && !isNewer(read, before))) return false;
    const isBack = this.#dueAt !== undefined;
    this.take(read);
    return isBack || isChanged(read, before);
  }

  /** The Node of that UID, undefined: whichever, is not there any more. Whether that is news. */
  gone(uid: string | undefined): boolean {
    const { clock, log, onRegistered } = this.#options;
    const { metadata } = this.#node ?? {};
    if (metadata === undefined || this.#dueAt !== undefined || this.#hasLeft) return false;
    if (uid !== undefined && uid !== metadata.uid) return false;
    if (this.#isLeaving) {
      this.#hasLeft = true;
      log.info({ uid: metadata.uid }, 'the Node object was deleted, as was asked for: it stays away');
      // the lease stays the deleted Node's: the garbage collector takes it, whatever farlet still may do
      return true;
    }
    const now = clock.monotonic();
    const isOver = now - this.#deletions.at > 2 * again.maxMs;
    this.#deletions = { times: isOver ? 1 : this.#deletions.times + 1, at: now };
    const waitMs = Math.round(backoffMs(again, this.#deletions.times));
    this.#dueAt = now + waitMs;
    log.warn(
      { uid: metadata.uid, waitMs },
      'the Node object was deleted: it is registered again; stop farlet to be rid of it',
    );
    onRegistered(undefined);
    return true;
  }
}
