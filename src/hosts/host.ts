/**
 * One host: its link, its runtime, and whether the runtime can be relied on (pkg/kubelet/kubelet.go
 * updateRuntimeUp).
 */
import type { CallOptions, CriClient } from './cri/calls.ts';
import type { VersionResponse__Output } from './cri/generated/runtime/v1/VersionResponse.ts';
import { kindOf, messageOf } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import { Alarm } from '../util/alarm.ts';
import type { Beat } from '../util/beat.ts';
import type { Clock } from '../util/clock.ts';
import { readClockOffset } from './host-clock.ts';
import {
  answerLimitMs,
  nextHostState,
  observation,
  sameHostState,
  type HostObservation,
} from './host-state.ts';
import type { HostLink } from './link/link.ts';
import { handlerSettings, type HandlerSettings } from './runtime-handlers.ts';
import type { HostState, RuntimeHost, RuntimeInfo } from './runtime-host.ts';

/**
 * Half as often as the kubelet: on a far host that is a message each time, and on any two fifths of what a
 * node with nothing to do cost. A runtime is lost no later, which is counted from the last good look; one
 * that breaks the stream of its events is looked at at once.
 */
const STATUS_MS = 10_000;
/** While the runtime or its network is not ready: the kubelet's period, somebody is about to mend it. */
const UNREADY_STATUS_MS = 5_000;
/** While it does not answer, a host is asked more often, so that it is back soon after its runtime is. */
const RETRY_MS = 1_000;
/** How often the host's clock is compared with ours, besides when the host comes back. */
const CLOCK_MS = 300_000;
/**
 * How often a runtime that answers is asked for its configuration too: it is read when the runtime starts.
 */
const SETTINGS_MS = 300_000;
/**
 * How often a runtime that answers is asked for its version: one that restarts between two looks may be
 * another one. As often as the kubelet (pkg/kubelet/kuberuntime/kuberuntime_manager.go versionCacheTTL).
 */
const VERSION_MS = 60_000;
/** So many looks tell how far the host is: the shortest had to wait for nothing else. */
const ROUND_TRIPS = 6;

export interface HostOptions {
  readonly link: HostLink;
  readonly cri: CriClient;
  readonly beat: Beat;
  readonly clock: Clock;
  readonly log: Log;
  /** handlers whose pods have a kernel of their own, besides those that are known to */
  readonly sandboxedHandlers: readonly string[];
}

export class Host implements RuntimeHost {
  readonly name: string;
  readonly link: HostLink;
  readonly cri: CriClient;
  /** by which everything regular on this host keeps */
  readonly beat: Beat;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #listeners = new Set<(state: HostState) => void>();
  #state: HostState = { at: 'connecting', error: undefined };
  #runtime: RuntimeInfo | undefined;
  #version: { readonly at: number; readonly answer: VersionResponse__Output } | undefined;
  #settings:
    | { readonly at: number; readonly version: string; readonly handlers: HandlerSettings | undefined }
    | undefined;
  readonly #sandboxed: readonly string[];
  #lastGood: number;
  #failing = false;
  #connections: number | undefined;
  readonly #roundTrips: number[] = [];
  #clockOffset = 0;
  #clockReadAt = -Infinity;
  readonly #alarm: Alarm;

  constructor(options: HostOptions) {
    this.name = options.link.name;
    this.link = options.link;
    this.cri = options.cri;
    this.beat = options.beat;
    this.#clock = options.clock;
    this.#log = options.log.child({ host: options.link.name });
    this.#sandboxed = options.sandboxedHandlers;
    this.#lastGood = options.clock.monotonic();
    this.#alarm = new Alarm(options.clock);
  }

  state(): HostState {
    return this.#state;
  }

  runtime(): RuntimeInfo | undefined {
    return this.#runtime;
  }

  roundTripMs(): number {
    return this.#roundTrips.length === 0 ? 0 : Math.min(...this.#roundTrips);
  }

  onChange(listener: (state: HostState) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /**
   * Resolves when the host is ready, or, `again`, when it has become ready again. Resolves too when the
   * signal aborts.
   */
  async whenReady({ again, signal }: { again: boolean; signal: AbortSignal }): Promise<void> {
    if (signal.aborted || (!again && this.#state.at === 'ready')) return;
    await new Promise<void>((resolve) => {
      let wasLost = !again;
      const finish = (): void => {
        unsubscribe();
        signal.removeEventListener('abort', finish);
        resolve();
      };
      const unsubscribe = this.onChange(({ at }) => {
        if (at === 'ready' && wasLost) finish();
        wasLost ||= at !== 'ready';
      });
      signal.addEventListener('abort', finish, { once: true });
    });
  }

  /** A time that the host or its runtime told (ms since the epoch), by our own clock. */
  localTime(at: number): number {
    return at - this.#clockOffset;
  }

  /**
   * A time of our clock (ms since the epoch) by the host's: for what is compared with times that lie there,
   * as logs' do.
   */
  hostTime(at: number): number {
    return at + this.#clockOffset;
  }

  /** Looks at the runtime until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const armed = this.#alarm.arm(signal);
      const seen = await this.#look(signal);
      this.#take(seen);
      if (seen.ok) this.#compareClocks(signal);
      await armed.sleep(this.#untilNext(seen));
    }
  }

  /** Something broke that tells of the runtime: it is looked at at once. */
  lookSoon(): void {
    this.#alarm.ring();
  }

  #untilNext(seen: HostObservation): number {
    if (!seen.ok) return RETRY_MS;
    const isReady = seen.runtimeReady.status && seen.networkReady.status;
    return this.beat.until(isReady ? STATUS_MS : UNREADY_STATUS_MS);
  }

  async #look(signal: AbortSignal): Promise<HostObservation> {
    const now = this.#clock.monotonic();
    const options = {
      signal,
      timeoutMs: answerLimitMs(this.#state, { now, lastGood: this.#lastGood }),
    };
    const verbose = this.#settings === undefined || this.beat.isDue(this.#settings.at, SETTINGS_MS);
    try {
      const [version, status, problem] = await Promise.all([
        this.#versionAt(now, options),
        this.#timed(() => this.cri.status({ verbose }, options)),
        this.link.problem?.({ signal }),
      ]);
      const asked = `${version.runtime_name} ${version.runtime_version}`;
      if (verbose)
        this.#settings = { at: now, version: asked, handlers: handlerSettings(status.info.config) };
      // another version has been started since: the next look asks for its settings
      else if (this.#settings?.version !== asked) this.#settings = undefined;
      if (problem !== undefined) return { ok: false, error: problem };
      return observation(version, status, {
        settings: this.#settings?.handlers,
        sandboxed: this.#sandboxed,
      });
    } catch (error) {
      signal.throwIfAborted();
      this.#version = undefined;
      this.#settings = undefined;
      return { ok: false, error: this.link.fault?.() ?? this.#reasonFor(error) };
    }
  }

  async #timed<T>(ask: () => Promise<T>): Promise<T> {
    const began = this.#clock.monotonic();
    const answer = await ask();
    this.#roundTrips.push(this.#clock.monotonic() - began);
    if (this.#roundTrips.length > ROUND_TRIPS) this.#roundTrips.shift();
    return answer;
  }

  /** A runtime that was away, or whose host was, may have come back as another one. */
  async #versionAt(now: number, options: CallOptions): Promise<VersionResponse__Output> {
    const known = this.#version;
    const isSameConnection = this.link.connections?.() === this.#connections;
    if (known !== undefined && isSameConnection && !this.beat.isDue(known.at, VERSION_MS))
      return known.answer;
    const answer = await this.cri.version({}, options);
    this.#version = { at: now, answer };
    return answer;
  }

  #take(seen: HostObservation): void {
    const now = this.#clock.monotonic();
    const before = this.#state;
    this.#state = nextHostState(before, seen, { now, lastGood: this.#lastGood });
    const back = seen.ok && this.#isBack();
    this.#failing = !seen.ok;
    if (back) this.#clockReadAt = -Infinity;
    if (seen.ok) {
      this.#lastGood = now;
      this.#runtime = seen.runtime;
    }
    const same = sameHostState(before, this.#state);
    if (same && !back) return;
    if (!same) this.#logChange(before, this.#state);
    this.#announce();
  }

  /** All hear of it, whatever one of them throws. */
  #announce(): void {
    const failures: unknown[] = [];
    for (const listener of this.#listeners)
      try {
        listener(this.#state);
      } catch (error) {
        failures.push(error);
      }
    if (failures.length > 0) throw failures[0];
  }

  /** Nobody waits for it. */
  #compareClocks(signal: AbortSignal): void {
    const now = this.#clock.monotonic();
    if (!this.beat.isDue(this.#clockReadAt, CLOCK_MS)) return;
    this.#clockReadAt = now;
    const known = this.#clockOffset;
    readClockOffset(this.link.files, { clock: this.#clock, known, signal }).then(
      (offset) => {
        this.#clockOffset = offset;
        if (offset !== known)
          this.#log.warn({ aheadSeconds: Math.round(offset / 1000) }, "the host's clock differs from ours");
      },
      (error: unknown) => {
        if (!signal.aborted) this.#log.debug({ err: error }, "the host's clock could not be read");
        this.#clockReadAt = -Infinity;
      },
    );
  }

  /** It may have been away since the last good look. */
  #isBack(): boolean {
    const connections = this.link.connections?.();
    const isOtherConnection = connections !== this.#connections;
    this.#connections = connections;
    return isOtherConnection || this.#failing;
  }

  #logChange(before: HostState, now: HostState): void {
    if (now.at === 'ready') {
      const { runtime, networkReady } = now;
      if (before.at !== 'ready')
        this.#log.info(
          { runtime: `${runtime.name}://${runtime.version}`, endpoint: this.link.endpoint },
          'host is ready',
        );
      if (!networkReady.status)
        this.#log.warn(
          { reason: networkReady.reason, message: networkReady.message },
          'the runtime says its network is not ready',
        );
    } else if (now.error !== undefined) {
      this.#log.warn(
        { state: now.at, reason: now.error, endpoint: this.link.endpoint },
        'the runtime does not answer: trying again',
      );
    }
  }

  /** gRPC's own words for a runtime that is silent tell of its inner parts. */
  #reasonFor(error: unknown): string {
    if (kindOf(error) !== 'deadline-exceeded') return messageOf(error);
    // a connection over a network that nobody watches looks the same when it is cut
    const mayBeCut = this.link.fault !== undefined && this.link.cri().watched !== true;
    return mayBeCut
      ? `${this.name}: the runtime was connected and nothing answers: it hangs, or the way to the host is cut`
      : `${this.name}: the runtime accepts connections and nothing answers`;
  }
}
