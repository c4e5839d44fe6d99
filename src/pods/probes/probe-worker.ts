/**
 * One probe of one container of one pod, attempt after attempt (pkg/kubelet/prober/worker.go). It outlives
 * the container it probes: a restarted container is probed by the same worker.
 */
import { messageOf } from '../../model/errors.ts';
import type { Container, Pod, Probe } from '../../model/kube.ts';
import { childController, orAbort, workIsOver } from '../../util/abort.ts';
import type { Clock } from '../../util/clock.ts';
import { ProbeError, probeNames, type ProbeKind, type ProbeOutcome, type ProbeResult } from './probe.ts';
import { beforeFailure, initialResult, judge, noRun, type ResultRun } from './thresholds.ts';

/** A container as probes see it now. */
export interface ProbedContainer {
  readonly id: string;
  readonly running: boolean;
  /** ms since the epoch, on the host's clock */
  readonly startedAt: number;
  readonly podIp: string;
  /** it has exited and nothing will restart it */
  readonly over: boolean;
}

/** Where what a worker has to say goes. */
export interface ProbeReports {
  /** probes say nothing from now on, and why */
  readonly warn: (why: string) => void;
  readonly event: (reason: 'Unhealthy' | 'ProbeWarning', message: string) => void;
  readonly observe: (result: 'successful' | 'failed' | 'unknown', seconds: number) => void;
  /** an exception that nobody expected */
  readonly onFault: (error: unknown) => void;
}

export interface ProbeWorkerOptions extends ProbeReports {
  readonly kind: ProbeKind;
  readonly probe: Probe;
  readonly container: Container;
  readonly clock: Clock;
  readonly random: () => number;
  readonly signal: AbortSignal;
  /** ms since the epoch when farlet started */
  readonly farletStart: number;
  /** undefined: nothing known of the container (yet) */
  readonly look: () => ProbedContainer | undefined;
  /** the newest object of the pod, undefined once it is terminal or gone */
  readonly pod: () => Pod | undefined;
  readonly attempt: (container: ProbedContainer, options: { signal: AbortSignal }) => Promise<ProbeOutcome>;
  readonly isStarted: (containerId: string) => boolean;
  readonly publish: (containerId: string, result: ProbeResult) => void;
  readonly forget: (containerId: string) => void;
  /** it stops as soon as its pod is to stop */
  readonly endsWithPod: boolean;
  /** whether the container's host can be seen now; a failure of a host that can't is none of the container */
  readonly isSeen: () => boolean;
  readonly onEnd: () => void;
}

/**
 * Attempts within one probe when the probe itself errs, as opposed to failing (pkg/kubelet/prober
 * maxProbeRetries).
 */
const MAX_ATTEMPTS = 3;
/** Only against a hang: whatever an attempt does has a limit below it, an exec the longest, two minutes. */
const GUARD_MS = 150_000;
/**
 * A container that runs since longer than this before farlet's start was there before
 * (kubeletRestartGracePeriod).
 */
const RESTART_GRACE_MS = 10_000;

export class ProbeWorker {
  readonly #options: ProbeWorkerOptions;
  readonly #stop: AbortController;
  #containerId = '';
  #run: ResultRun = noRun;
  /** what the worker holds with until the container is another one */
  #held: 'success' | 'failure' | undefined;
  #isBlind = false;
  #tried = false;
  #wake: AbortController | undefined;

  constructor(options: ProbeWorkerOptions) {
    this.#options = options;
    this.#stop = childController(options.signal);
  }

  stop(): void {
    this.#stop.abort(new Error('the probe is no longer needed'));
  }

  get endsWithPod(): boolean {
    return this.#options.endsWithPod;
  }

  /** Probes now if this container has not been probed yet, e.g. because it has just started. */
  trigger(): void {
    if (!this.#tried) this.#wake?.abort(workIsOver);
  }

  /** Takes back a failure that it holds with, so that one more probe decides, at once. */
  lookAgain(): void {
    const { kind, probe, publish } = this.#options;
    if (this.#held !== 'failure') return;
    this.#held = undefined;
    this.#run = beforeFailure(probe);
    publish(this.#containerId, initialResult[kind]);
    this.#wake?.abort(workIsOver);
  }

  async run(): Promise<void> {
    const { clock, random, farletStart, onEnd, forget } = this.#options;
    const signal = this.#stop.signal;
    const periodMs = (this.#options.probe.periodSeconds ?? 10) * 1000;
    try {
      // after a start with many pods the probes must not all come at once: nothing cuts this rest short
      if (clock.now() - farletStart < periodMs) await clock.sleep(random() * periodMs, { signal });
      // a ticker's beat: a slow attempt shortens the rest after it, and at most one missed beat is made up
      // for
      let next = clock.monotonic() + periodMs;
      while (await this.#contained(signal)) {
        next = Math.max(next, clock.monotonic() - periodMs);
        const triggered = await this.#rest(Math.max(0, next - clock.monotonic()), signal);
        next = (triggered ? clock.monotonic() : next) + periodMs;
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      if (this.#containerId !== '') forget(this.#containerId);
      onEnd();
    }
  }

  /** A turn whose exception is told of, and is no reason to probe the container never again. */
  async #contained(signal: AbortSignal): Promise<boolean> {
    try {
      return await this.#once(signal);
    } catch (error) {
      signal.throwIfAborted();
      this.#options.onFault(error);
      return true;
    }
  }

  /** Resolves with whether the rest was cut short by a trigger. */
  async #rest(ms: number, signal: AbortSignal): Promise<boolean> {
    const wake = childController(signal);
    this.#wake = wake;
    try {
      await this.#options.clock.sleep(ms, { signal: wake.signal });
      return false;
    } catch {
      signal.throwIfAborted();
      return true;
    } finally {
      wake.abort(workIsOver);
      this.#wake = undefined;
    }
  }

  /** One turn; false when there is nothing more to probe, ever. */
  async #once(signal: AbortSignal): Promise<boolean> {
    const { kind, probe, clock, isStarted, look, publish } = this.#options;
    const pod = this.#options.pod();
    if (pod === undefined) return false;
    const container = look();
    if (container === undefined) return true;
    if (container.id !== this.#containerId) this.#adopt(container);
    if (this.#held !== undefined) return true;
    if (!container.running) {
      publish(container.id, 'failure');
      return !container.over;
    }
    if (pod.metadata.deletionTimestamp !== undefined && this.endsWithPod) {
      publish(container.id, 'success');
      return false;
    }
    if (Math.floor((clock.now() - container.startedAt) / 1000) < (probe.initialDelaySeconds ?? 0))
      return true;
    if (isStarted(container.id) === (kind === 'startup')) return true;
    await this.#probe(container, signal);
    return true;
  }

  #adopt(container: ProbedContainer): void {
    const { kind, farletStart, publish, forget } = this.#options;
    if (this.#containerId !== '') forget(this.#containerId);
    this.#containerId = container.id;
    this.#held = undefined;
    this.#tried = false;
    const wasThere = container.running && container.startedAt < farletStart - RESTART_GRACE_MS;
    if (!wasThere) publish(container.id, initialResult[kind]);
  }

  async #probe(container: ProbedContainer, signal: AbortSignal): Promise<void> {
    const { kind, probe, clock, event, observe, publish, isSeen } = this.#options;
    this.#tried = true;
    const started = clock.monotonic();
    let outcome: ProbeOutcome;
    try {
      outcome = await this.#attempts(container, signal);
    } catch (error) {
      signal.throwIfAborted();
      event(
        'Unhealthy',
        `${probeNames[kind]} probe errored and resulted in ${error instanceof ProbeError ? error.result : 'unknown'} state: ${messageOf(error)}`,
      );
      return;
    }
    if (outcome.kind === 'failure' && !isSeen()) outcome = { kind: 'unknown', why: 'the host is not ready' };
    if (outcome.kind === 'unknown') {
      if (!this.#isBlind) this.#options.warn(outcome.why);
      this.#isBlind = true;
      observe('unknown', (clock.monotonic() - started) / 1000);
      return;
    }
    this.#isBlind = false;
    if (outcome.kind === 'failure') event('Unhealthy', `${probeNames[kind]} probe failed: ${outcome.output}`);
    if (outcome.kind === 'warning')
      event('ProbeWarning', `${probeNames[kind]} probe warning: ${outcome.output}`);
    const counted = outcome.kind === 'failure' ? 'failure' : 'success';
    observe(counted === 'success' ? 'successful' : 'failed', (clock.monotonic() - started) / 1000);
    const { run, result, hold } = judge(kind, probe, this.#run, counted);
    this.#run = run;
    this.#held = hold ? counted : undefined;
    if (result !== undefined) publish(container.id, result);
  }

  async #attempts(container: ProbedContainer, signal: AbortSignal): Promise<ProbeOutcome> {
    const seconds = this.#options.probe.timeoutSeconds ?? 1;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#attempt(container, seconds * 1000, signal);
      } catch (error) {
        signal.throwIfAborted();
        if (attempt >= MAX_ATTEMPTS) throw error;
      }
    }
  }

  async #attempt(container: ProbedContainer, limitMs: number, signal: AbortSignal): Promise<ProbeOutcome> {
    const { clock, attempt } = this.#options;
    const time = childController(signal);
    const hang = childController(signal);
    // the attempt's own deadline comes first and gives the kubelet's text; the other one only guards against
    // a hang
    const cancels = [
      clock.after(limitMs, () => {
        time.abort(new Error('probe timeout'));
      }),
      clock.after(limitMs + GUARD_MS, () => {
        hang.abort(new Error(`no outcome within ${String((limitMs + GUARD_MS) / 1000)}s`));
      }),
    ];
    try {
      return await orAbort(attempt(container, { signal: time.signal }), hang.signal);
    } finally {
      for (const cancel of cancels) cancel();
      time.abort(workIsOver);
      hang.abort(workIsOver);
    }
  }
}
