/**
 * Keeps one volume of one pod as it is wanted, in the background: an attempt that takes longer than a sync
 * may wait goes on, and one that failed is made again after a backoff
 * (pkg/volume/util/nestedpendingoperations).
 *
 * I1. One attempt at a time; the next one is for what is wanted by then.
 * I2. What was ready stays ready while a refresh fails, until it is forgotten.
 * I3. After it was stopped, or the signal has aborted, nothing starts any more, and `idle` resolves once
 *     nothing runs.
 */
import type { Pod } from '../../model/kube.ts';
import { childController, orAbort, reasonOf, workIsOver } from '../../util/abort.ts';
import { backoffMs } from '../../util/backoff.ts';
import type { Clock } from '../../util/clock.ts';
import type { ReadyVolume } from './ready-volume.ts';
import type { PlannedVolume } from './volume-plan.ts';

export interface VolumeToMount {
  readonly pod: Pod;
  readonly volume: PlannedVolume;
}

export interface VolumeOperationOptions {
  readonly clock: Clock;
  /** ends all operations */
  readonly signal: AbortSignal;
  readonly setUp: (
    wanted: VolumeToMount,
    before: ReadyVolume | undefined,
    options: { signal: AbortSignal },
  ) => Promise<ReadyVolume>;
  /** after every attempt; seconds it took, and whether it was the first that went well */
  readonly onAttempt: (wanted: VolumeToMount, outcome: AttemptOutcome) => void;
}

export interface AttemptOutcome {
  readonly error: unknown;
  readonly seconds: number;
  /** since the volume was wanted first, once it is ready for the first time */
  readonly firstReadyAfter: number | undefined;
  /** it was not before */
  readonly turnedReady: boolean;
}

/** initialDurationBeforeRetry and maxDurationBeforeRetry in goroutinemap/exponentialbackoff. */
const retry = { baseMs: 500, maxMs: 122_000, factor: 2 };

export class VolumeOperation {
  readonly #options: VolumeOperationOptions;
  readonly #wantedAt: number;
  #wanted: VolumeToMount;
  #number = 0;
  /** number of the wanted that the last finished attempt was for */
  #tried = 0;
  #failures = 0;
  #ready: ReadyVolume | undefined;
  #wasReady = false;
  #forgotten = 0;
  #loop: Promise<void> | undefined;
  /** of the attempts under way */
  #running: AbortController | undefined;
  #stopped: Error | undefined;
  /** the next attempt's end, while anybody waits for it */
  #attempted: PromiseWithResolvers<undefined> | undefined;
  #wake: (() => void) | undefined;

  constructor(wanted: VolumeToMount, options: VolumeOperationOptions) {
    this.#options = options;
    this.#wanted = wanted;
    this.#wantedAt = options.clock.monotonic();
  }

  get ready(): ReadyVolume | undefined {
    return this.#ready;
  }

  /** Whether it ever was, forgotten since or not. */
  get wasReady(): boolean {
    return this.#wasReady;
  }

  get volume(): PlannedVolume {
    return this.#wanted.volume;
  }

  /** Starts to make it so, or is told of it for the next attempt; returns its number for `settled`. */
  want(wanted: VolumeToMount): number {
    this.#wanted = wanted;
    this.#number += 1;
    if (this.#stopped === undefined) this.#loop ??= this.#run();
    return this.#number;
  }

  /**
   * What was made may be gone: what is wanted next is not ready before it has been made again. One that has
   * never been made is left to the attempt under way, however long that takes.
   */
  forget(): void {
    if (this.#ready === undefined) return;
    this.#ready = undefined;
    this.#forgotten += 1;
  }

  /** An attempt is made at once, whatever the backoff: what it failed for may have come. */
  retryNow(): void {
    this.#wake?.();
  }

  /** Ends the attempt under way, and whoever waits for one: with the reason. */
  stop(reason: Error): void {
    this.#stopped ??= reason;
    this.#running?.abort(this.#stopped);
    this.#giveUp(this.#stopped);
  }

  #giveUp(reason: Error): void {
    this.#attempted?.reject(reason);
    this.#attempted = undefined;
  }

  /**
   * Resolves when the volume is ready as wanted, or as it was if that failed or has to wait for a
   * backoff. Rejects with the reason of either signal, or that of the stop.
   */
  async settled(wanted: number, { signal }: { signal: AbortSignal }): Promise<void> {
    const isSettled = (): boolean =>
      this.#ready !== undefined && (this.#tried >= wanted || this.#wake !== undefined);
    while (!isSettled()) await this.#attempt(signal);
  }

  /** Resolves after the next attempt, or at once if one has been made. */
  async triedOnce({ signal }: { signal: AbortSignal }): Promise<void> {
    if (this.#tried === 0) await this.#attempt(signal);
  }

  #attempt(signal: AbortSignal): Promise<undefined> {
    this.#options.signal.throwIfAborted();
    if (this.#stopped !== undefined) throw this.#stopped;
    this.#attempted ??= Promise.withResolvers<undefined>();
    return orAbort(this.#attempted.promise, signal);
  }

  async idle(): Promise<void> {
    await this.#loop;
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    const running = childController(this.#options.signal);
    const { signal } = running;
    const onAbort = (): void => {
      this.#giveUp(reasonOf(signal));
    };
    signal.addEventListener('abort', onAbort, { once: true });
    this.#running = running;
    try {
      await this.#attempts(signal);
    } finally {
      signal.removeEventListener('abort', onAbort);
      running.abort(workIsOver);
      this.#running = undefined;
      this.#loop = undefined;
    }
  }

  async #attempts(signal: AbortSignal): Promise<void> {
    const { clock, setUp, onAttempt } = this.#options;
    while (this.#tried < this.#number && !signal.aborted) {
      const [wanted, number, started] = [this.#wanted, this.#number, clock.monotonic()];
      const forgotten = this.#forgotten;
      let error: unknown;
      let firstReadyAfter: number | undefined;
      let turnedReady = false;
      try {
        const ready = await setUp(wanted, this.#ready, { signal });
        // forgotten meanwhile: it was made by what was known before
        if (this.#forgotten !== forgotten) continue;
        if (!this.#wasReady) firstReadyAfter = (clock.monotonic() - this.#wantedAt) / 1000;
        turnedReady = this.#ready === undefined;
        this.#ready = ready;
        this.#wasReady = true;
        this.#failures = 0;
      } catch (thrown) {
        if (isOver(signal)) return;
        error = thrown;
        this.#failures += 1;
      }
      const seconds = (clock.monotonic() - started) / 1000;
      onAttempt(wanted, { error, seconds, firstReadyAfter, turnedReady });
      this.#tried = number;
      this.#attempted?.resolve(undefined);
      this.#attempted = undefined;
      if (error === undefined) continue;
      await this.#pause(backoffMs(retry, this.#failures), signal);
      // what failed is wanted still
      this.#number += 1;
    }
  }

  #pause(ms: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    return new Promise((resolve) => {
      const done = (): void => {
        cancel();
        signal.removeEventListener('abort', done);
        this.#wake = undefined;
        resolve();
      };
      const cancel = clock.after(ms, done);
      this.#wake = done;
      signal.addEventListener('abort', done, { once: true });
      if (signal.aborted) done();
    });
  }
}

/** Read again: the signal may have aborted during an await. */
function isOver(signal: AbortSignal): boolean {
  return signal.aborted;
}
