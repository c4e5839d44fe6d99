/**
 * Which farlet runs a node (docs/adr/0015): the one that the node's heartbeat lease names. farlet acts on
 * nothing of the node before it owns it, and on nothing once it has lost it; the lease's renewal is the
 * node's heartbeat as well.
 */
import type { KubeClient } from '../kube/client.ts';
import { paths } from '../kube/paths.ts';
import { FarletError, kindOf, messageOf, unlessNotFound } from '../model/errors.ts';
import type { Lease } from '../model/kube.ts';
import type { Log } from '../model/log.ts';
import { childController, withDeadline } from '../util/abort.ts';
import { Alarm } from '../util/alarm.ts';
import { backoffMs, jittered } from '../util/backoff.ts';
import type { Beat } from '../util/beat.ts';
import type { Clock } from '../util/clock.ts';
import { isWorthTelling } from '../util/retry.ts';
import type { Fence } from '../util/fence.ts';
import { LostOwnership, type NodeClaim } from './node-claim.ts';
import { claimed, judge, letGo, ownerOf, type Owner, type Watched } from './owner-claim.ts';

export interface OwnershipOptions {
  /** its calls are those of leases only */
  readonly client: Pick<KubeClient, 'get' | 'create' | 'replace'>;
  readonly beat: Pick<Beat, 'until'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly node: string;
  readonly me: Owner;
  readonly durationSeconds: number;
  /** whether another's process is known to have ended */
  readonly isOver: (process: string) => boolean;
  /** the node has work that must begin although nobody can be asked whose it is: static pods */
  readonly mayBeginUnasked: boolean;
  /** it is another's: told at first, and again every few minutes */
  readonly onWaiting: (owner: string) => void;
}

/**
 * unasked: acts on what needs no API server, until the API server names the node's owner. A state that is
 * left never comes back, except seeking and waiting.
 */
type State =
  | { readonly at: 'seeking'; readonly problem: string | undefined }
  | { readonly at: 'waiting'; readonly owner: string }
  | { readonly at: 'unasked' | 'owned' | 'over' }
  | { readonly at: 'lost'; readonly error: LostOwnership };

const JITTER = 0.04;
const CONFLICT_MS = 100;
const retry = { baseMs: 200, maxMs: 7_000, factor: 2 };
/** How often one that waits looks: this is what a rolling update waits for. */
const LOOK_MS = 2_000;
const TELL_MS = 600_000;
const MAX_CALL_MS = 10_000;
/** For so long the answer holds that nobody can be asked. */
const UNKNOWN_MS = 30_000;
const RELEASE_MS = 2_000;
/**
 * For so many durations the heartbeat of the farlet before is carried on until the Node is found: a start
 * with many nodes may take longer than their leases last. After that nobody sees to it.
 */
const CARRIED_ON = 2;
const MAX_CONFLICTS = 5;
/**
 * The part of the duration for which a renewal is relied on: an action begun within it ends before another
 * farlet may take the node.
 */
const SURE = 0.75;

export class Ownership implements NodeClaim {
  readonly #options: OwnershipOptions;
  readonly #end = new AbortController();
  #state: State = { at: 'seeking', problem: undefined };
  #lease: Lease | undefined;
  #nodeUid: string | undefined;
  /** of the Node that was registered before it was gone */
  #formerUid: string | undefined;
  /** until then, monotonic ms, the Node is taken to be there that the farlet before has seen to */
  #carriedUntil = -Infinity;
  /** when the last renewal that came through was begun */
  #renewed: Moment | undefined;
  #failed: Moment | undefined;
  #trying: Promise<void> | undefined;
  readonly #alarm: Alarm;
  #toldAt = -Infinity;

  constructor(options: OwnershipOptions) {
    this.#options = options;
    this.#alarm = new Alarm(options.clock);
  }

  readonly api: Fence = {
    pass: () => {
      this.#throwIfEnded();
      return this.#isFresh() ? undefined : this.#try();
    },
  };

  readonly host: Fence = {
    pass: () => {
      this.#throwIfEnded();
      if (this.#isFresh() || this.#isWithin(this.#failed, UNKNOWN_MS)) return undefined;
      return this.#try().catch(() => {
        this.#throwIfEnded();
      });
    },
  };

  /** Why nothing is done for the node; undefined: it is owned. */
  problem(): string | undefined {
    const state = this.#state;
    switch (state.at) {
      case 'seeking':
        return state.problem ?? 'has not started yet';
      case 'waiting':
        return `waits: ${state.owner} runs it`;
      case 'lost':
        return state.error.message;
      default:
        return undefined;
    }
  }

  /** When the last renewal that came through was begun, ms since the epoch. */
  renewedAt(): number | undefined {
    return this.#renewed?.wall;
  }

  /** Resolves once the node is this farlet's to run; rejects with the signal's reason. */
  async acquire({ signal }: { signal: AbortSignal }): Promise<void> {
    const { clock, log, mayBeginUnasked } = this.#options;
    let watched: Watched | undefined;
    let failures = 0;
    for (;;) {
      let waitMs: number;
      try {
        const seen = await this.#claim(watched, signal);
        if (seen === undefined) return;
        failures = 0;
        watched = seen.watched;
        waitMs = Math.min(seen.ms, jittered(LOOK_MS, JITTER));
      } catch (error) {
        signal.throwIfAborted();
        if (mayBeginUnasked && this.#state.at !== 'waiting') {
          log.warn({ err: error }, 'no API server can say who runs the node: its static pods are run');
          this.#failed = this.#moment();
          this.#state = { at: 'unasked' };
          return;
        }
        failures += 1;
        if (isWorthTelling(failures))
          log.warn({ err: error, failures }, "the node's lease could not be taken: trying again");
        if (this.#state.at === 'seeking')
          this.#state = { at: 'seeking', problem: `its lease could not be taken: ${messageOf(error)}` };
        waitMs = backoffMs(retry, failures);
      }
      await clock.sleep(waitMs, { signal });
      // who could not be looked at may have renewed, or could not either: only time that was watched counts
      if (failures > 0 && watched !== undefined) watched = { ...watched, since: clock.monotonic() };
    }
  }

  /**
   * Renews every quarter of the duration until the signal aborts; rejects with LostOwnership once another
   * farlet has the node.
   */
  async keep({ signal }: { signal: AbortSignal }): Promise<void> {
    const { beat, log, durationSeconds } = this.#options;
    const life = childController(AbortSignal.any([signal, this.#end.signal]));
    let failures = 0;
    for (;;) {
      const armed = this.#alarm.arm(life.signal);
      const waitMs =
        failures === 0 ? beat.until(durationSeconds * 250) : jittered(backoffMs(retry, failures), JITTER);
      const isDue = this.#state.at === 'unasked' && failures === 0;
      if (!isDue) await armed.sleep(waitMs);
      life.signal.throwIfAborted();
      try {
        await this.#try();
        failures = 0;
      } catch (error) {
        life.signal.throwIfAborted();
        if (failures === 0) log.warn({ err: error }, 'node lease could not be renewed: trying again');
        failures += 1;
      }
    }
  }

  nodeIs(uid: string | undefined): void {
    this.#carriedUntil = -Infinity;
    if (uid === this.#nodeUid) return;
    this.#formerUid = uid === undefined ? this.#nodeUid : undefined;
    this.#nodeUid = uid;
    this.#alarm.ring();
  }

  /** Lets go of the node, so that another need not wait. Nothing is done for it from here on. */
  async release({ signal }: { signal: AbortSignal }): Promise<void> {
    const { log } = this.#options;
    const owned = this.#state.at === 'owned';
    if (this.#state.at !== 'lost') this.#state = { at: 'over' };
    if (!owned) return;
    try {
      await withDeadline(signal, RELEASE_MS, 'letting go of the node', (limit) => this.#letGo(limit));
    } catch (error) {
      log.warn({ err: error }, 'the node could not be let go: another farlet waits until its lease is over');
    }
  }

  async #letGo(signal: AbortSignal): Promise<void> {
    const { client, node, me } = this.#options;
    const former = this.#formerUid === undefined ? undefined : { node, uid: this.#formerUid };
    await this.#trying?.catch(nothing);
    for (let tries = 1; ; tries += 1) {
      const held = this.#lease ?? (await client.get<Lease>(paths.lease(node), { signal }));
      if (ownerOf(held).owner !== me.name) return;
      try {
        await client.replace<Lease>(paths.lease(node), letGo(held, former), { signal });
        return;
      } catch (error) {
        if (kindOf(error) !== 'conflict' || tries === MAX_CONFLICTS) throw error;
        this.#lease = undefined;
      }
    }
  }

  /** One look at the lease, and the claim if it may be made; what is to be waited for if not. */
  async #claim(
    watched: Watched | undefined,
    signal: AbortSignal,
  ): Promise<{ ms: number; watched: Watched | undefined } | undefined> {
    const { clock, log, durationSeconds } = this.#options;
    const began = this.#moment();
    const lease = await this.#read(signal);
    const verdict = this.#judge(lease, watched, clock.monotonic());
    if (verdict.kind === 'wait') {
      this.#tellWaiting(verdict.for);
      return verdict;
    }
    if (lease?.spec?.renewTime !== undefined)
      this.#carriedUntil = clock.monotonic() + durationSeconds * 1000 * CARRIED_ON;
    try {
      await this.#write(lease, signal);
    } catch (error) {
      // somebody else was quicker: looked at anew
      if (!isConflict(error)) throw error;
      return { ms: CONFLICT_MS, watched };
    }
    this.#renewed = began;
    this.#state = { at: 'owned' };
    log.info({ reason: verdict.why, seconds: durationSeconds }, 'the node is run by this farlet');
    return undefined;
  }

  #judge(lease: Lease | undefined, watched: Watched | undefined, now: number): ReturnType<typeof judge> {
    const { durationSeconds, isOver, me } = this.#options;
    if (ownerOf(lease).owner === me.name) return { kind: 'take', why: 'it was taken already' };
    return judge({ lease, watched, now, durationMs: durationSeconds * 1000, isOver });
  }

  #tellWaiting(owner: string): void {
    const { clock, log, onWaiting } = this.#options;
    const isNew = this.#state.at !== 'waiting' || this.#state.owner !== owner;
    this.#state = { at: 'waiting', owner };
    if (!isNew && clock.monotonic() - this.#toldAt < TELL_MS) return;
    this.#toldAt = clock.monotonic();
    log.warn({ owner }, 'another farlet runs this node: waiting until it stops or does not renew its lease');
    onWaiting(owner);
  }

  /** One renewal; what is under way already is waited for. */
  #try(): Promise<void> {
    this.#trying ??= this.#renew()
      .catch((error: unknown) => {
        this.#failed = this.#moment();
        throw error;
      })
      .finally(() => {
        this.#trying = undefined;
      });
    return this.#trying;
  }

  async #renew(): Promise<void> {
    const { me, clock, log, node } = this.#options;
    const signal = this.#end.signal;
    for (let tries = 1; ; tries += 1) {
      const began = this.#moment();
      const held = this.#lease ?? (await this.#read(signal));
      this.#throwIfEnded();
      const { owner } = ownerOf(held);
      if (owner !== me.name) {
        const verdict = this.#judge(held, undefined, clock.monotonic());
        if (verdict.kind === 'wait' && (owner !== undefined || this.#state.at === 'unasked'))
          throw this.#lose(new LostOwnership(node, verdict.for));
      }
      try {
        await this.#write(held, signal);
        this.#throwIfEnded();
        this.#renewed = began;
        if (this.#state.at !== 'owned') log.info({}, 'the node is run by this farlet');
        this.#state = { at: 'owned' };
        return;
      } catch (error) {
        this.#lease = undefined;
        if (!isConflict(error) || tries === MAX_CONFLICTS) throw error;
      }
    }
  }

  #lose(error: LostOwnership): LostOwnership {
    this.#state = { at: 'lost', error };
    this.#end.abort(error);
    return error;
  }

  #read(signal: AbortSignal): Promise<Lease | undefined> {
    const { client, node } = this.#options;
    return client.get<Lease>(paths.lease(node), { signal, timeoutMs: this.#callMs() }).catch(unlessNotFound);
  }

  async #write(held: Lease | undefined, signal: AbortSignal): Promise<void> {
    const { client, clock, node, me, durationSeconds } = this.#options;
    const nodeUid = this.#nodeUid;
    const beats = nodeUid !== undefined || clock.monotonic() < this.#carriedUntil;
    const wanted = claimed(held, { node, me, durationSeconds, now: clock.now(), nodeUid, beats });
    const options = { signal, timeoutMs: this.#callMs() };
    this.#lease =
      held === undefined
        ? await client.create<Lease>(paths.leases, wanted, options)
        : await client.replace<Lease>(paths.lease(node), wanted, options);
  }

  #callMs(): number {
    return Math.min(MAX_CALL_MS, Math.max(1_000, this.#options.durationSeconds * 250));
  }

  #isFresh(): boolean {
    const ms = this.#options.durationSeconds * 1000 * SURE;
    return this.#state.at === 'owned' && this.#isWithin(this.#renewed, ms);
  }

  #isWithin(moment: Moment | undefined, ms: number): boolean {
    const now = this.#moment();
    return moment !== undefined && now.monotonic - moment.monotonic < ms && now.wall - moment.wall < ms;
  }

  #moment(): Moment {
    const { clock } = this.#options;
    return { monotonic: clock.monotonic(), wall: clock.now() };
  }

  #throwIfEnded(): void {
    const state = this.#state;
    if (state.at === 'lost') throw state.error;
    if (state.at === 'over')
      throw new FarletError('cancelled', `farlet has let go of node ${this.#options.node}`);
  }
}

/** By both clocks: the monotonic one stands still in a machine that sleeps. */
interface Moment {
  readonly monotonic: number;
  readonly wall: number;
}

function isConflict(error: unknown): boolean {
  return ['conflict', 'not-found', 'already-exists'].includes(kindOf(error));
}

function nothing(): undefined {
  return undefined;
}
