/**
 * One pod's worker: runs its steps one after the other, never two at a time, always on the newest state.
 * An idle worker is a record and at most one timer.
 */
import { FarletError, kindOf } from '../../model/errors.ts';
import { isDefect, type Faults } from '../../model/faults.ts';
import type { Log } from '../../model/log.ts';
import type { Pod } from '../../model/kube.ts';
import { podFields, podReference } from '../../model/pod-ref.ts';
import type { SyncOutcome } from '../../model/pod-update.ts';
import { childController, workIsOver } from '../../util/abort.ts';
import { jittered } from '../../util/backoff.ts';
import type { Clock } from '../../util/clock.ts';
import type { PodSyncer } from './pod-syncer.ts';
import { nextState, type WorkerEvent, type WorkerState } from './worker-state.ts';

/**
 * Kubelet: pkg/kubelet/kubelet.go resyncInterval 1 m, backOffPeriod 10 s, both with
 * workerResyncIntervalJitterFactor 0.5. Pods are resynced with housekeeping, as the kubelet looks once a
 * second at whose time has come (syncTicker).
 */
const RESYNC_MS = 60_000;
const RETRY_MS = 10_000;
const JITTER = 0.5;

export type StepKind = 'create' | 'update' | 'sync' | 'kill' | 'terminated';

export interface PodWorkerOptions {
  readonly state: WorkerState;
  readonly syncer: PodSyncer;
  /** see PodWorkersOptions */
  readonly untilRound: (ms: number) => number;
  readonly clock: Clock;
  readonly log: Log;
  readonly faults: Faults;
  /** the worker's life: aborted at shutdown, never because of the pod */
  readonly signal: AbortSignal;
  /** the pod's time has come (through the SyncLoop, which calls wake) */
  readonly onDue: () => void;
  readonly onStep: (kind: StepKind, seconds: number) => void;
  /** the pod is somewhere else on its way */
  readonly onMoved: () => void;
  readonly onFinished: () => void;
}

export class PodWorker {
  readonly #options: PodWorkerOptions;
  #state: WorkerState;
  #running: AbortController | undefined;
  #idle: Promise<void> = Promise.resolve();
  #again = false;
  #changed = false;
  #steps = 0;
  #stepBegan: number | undefined;
  #cancelTimer: (() => void) | undefined;

  constructor(options: PodWorkerOptions) {
    this.#options = options;
    this.#state = options.state;
  }

  get state(): WorkerState {
    return this.#state;
  }

  get pod(): Pod {
    return this.#state.pod;
  }

  /** How long its step has been under way, ms; undefined: it rests. */
  get busyForMs(): number | undefined {
    return this.#stepBegan === undefined ? undefined : this.#options.clock.monotonic() - this.#stepBegan;
  }

  /** Resolves when the step under way, if any, has ended. */
  get idle(): Promise<void> {
    return this.#idle;
  }

  /** Takes a new object or an order; what makes the pod stop interrupts the step under way. */
  offer(event: WorkerEvent): void {
    const interrupt = this.#advance(event);
    this.#changed = true;
    if (interrupt) this.#running?.abort(new FarletError('cancelled', 'the pod is to stop'));
    this.wake();
  }

  /** Runs a step now, or once more after the one under way. */
  wake(): void {
    if (this.#running !== undefined) {
      this.#again = true;
      return;
    }
    if (this.#state.at === 'finished' || this.#options.signal.aborted) return;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const controller = childController(this.#options.signal);
    this.#running = controller;
    this.#idle = this.#step(controller.signal)
      .finally(() => {
        controller.abort(workIsOver);
        this.#running = undefined;
      })
      .then((againInMs) => {
        this.#rest(againInMs);
      })
      .catch((error: unknown) => {
        this.#report(error);
        this.#cancelTimer = this.#options.clock.after(RETRY_MS, this.#options.onDue);
      });
  }

  /** Forgets the timer; the worker is not to be used afterwards. */
  close(): void {
    this.#cancelTimer?.();
  }

  /** One step; resolves with how long to rest (0: none), never rejects. */
  async #step(signal: AbortSignal): Promise<number | undefined> {
    const { clock, log, onStep } = this.#options;
    const state = this.#state;
    const kind = this.#kindOf(state);
    this.#again = false;
    this.#changed = false;
    this.#steps += 1;
    const started = clock.monotonic();
    this.#stepBegan = started;
    try {
      return await this.#perform(state, signal);
    } catch (error) {
      if (signal.aborted) return 0;
      if (isDefect(error)) this.#report(error);
      else if (kindOf(error) === 'unavailable')
        log.debug({ ...this.#fields, err: error }, 'pod step waits for its host');
      else log.warn({ ...this.#fields, err: error, step: kind }, 'pod step failed');
      return jittered(RETRY_MS, JITTER);
    } finally {
      this.#stepBegan = undefined;
      onStep(kind, (clock.monotonic() - started) / 1000);
    }
  }

  get #fields(): ReturnType<typeof podFields> {
    return podFields(this.#state.pod.metadata);
  }

  #report(error: unknown): void {
    this.#options.faults.report('pod-worker', error, podReference(this.#state.pod));
  }

  async #perform(state: WorkerState, signal: AbortSignal): Promise<number | undefined> {
    const { syncer } = this.#options;
    switch (state.at) {
      case 'syncing':
        return this.#rested(await syncer.syncPod(state.pod, { signal }));
      case 'stopping':
        await syncer.stopPod(state.pod, { graceSeconds: state.graceSeconds, status: state.status, signal });
        this.#advance({ kind: 'stopped' });
        return 0;
      case 'finishing':
        await syncer.finishPod(state.pod, { signal });
        this.#advance({ kind: 'done' });
        return undefined;
      case 'finished':
        return undefined;
    }
  }

  #rested(outcome: SyncOutcome): number | undefined {
    switch (outcome.kind) {
      case 'acted':
        return 0;
      case 'settled':
        return Math.min(outcome.againInMs ?? Infinity, this.#options.untilRound(jittered(RESYNC_MS, JITTER)));
      case 'failed':
        return outcome.retryInMs;
      case 'paused':
        return jittered(RETRY_MS, JITTER);
      case 'terminal':
        this.#advance({ kind: 'kill', order: outcome.order });
        return 0;
    }
  }

  /** Returns whether what is under way no longer matters. */
  #advance(event: WorkerEvent): boolean {
    const { at } = this.#state;
    const { state, interrupt } = nextState(this.#state, event);
    this.#state = state;
    if (state.at !== at) this.#options.onMoved();
    return interrupt;
  }

  #rest(againInMs: number | undefined): void {
    if (this.#state.at === 'finished') {
      this.#options.onFinished();
      return;
    }
    if (this.#again || againInMs === 0) {
      this.wake();
      return;
    }
    if (againInMs === undefined || this.#options.signal.aborted) return;
    this.#cancelTimer = this.#options.clock.after(againInMs, this.#options.onDue);
  }

  #kindOf(state: WorkerState): StepKind {
    if (state.at === 'stopping') return 'kill';
    if (state.at !== 'syncing') return 'terminated';
    if (this.#steps === 0) return 'create';
    return this.#changed ? 'update' : 'sync';
  }
}
