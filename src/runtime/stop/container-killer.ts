/**
 * Stops one container: killContainer in kuberuntime_container.go. The preStop hook and the wait for its turn
 * are taken out of the grace; what is left, at least 2 s, is the runtime's.
 *
 * Unlike the kubelet's, the runtime may be out of reach for a while. A stop that was cut off goes on with
 * what is left of its grace, and neither its event nor its hook comes twice.
 */
import type { CriClient } from '../../hosts/cri/calls.ts';
import { isNotFound, kindOf } from '../../model/errors.ts';
import type { EventReason } from '../../model/event-reasons.ts';
import type { EventRecorder } from '../../model/events.ts';
import type { LifecycleHandler } from '../../model/kube.ts';
import type { Log } from '../../model/log.ts';
import type { KillReason } from '../../model/pod-actions.ts';
import { podFields } from '../../model/pod-ref.ts';
import type { Clock } from '../../util/clock.ts';
import { StopCutOff } from '../spec/stop-cut-off.ts';
import type { HookRunner } from './hook-runner.ts';
import { killGraceSeconds, type KillSubject, minimumGraceSeconds } from './kill-subject.ts';

export interface ContainerKillOrder {
  readonly subject: KillSubject;
  readonly reason: KillReason;
  /** of the Killing event; default `Stopping container <name>` */
  readonly message?: string;
  readonly graceSeconds?: number | undefined;
  readonly podIPs: readonly string[];
  /** resolves when the containers that go first have stopped */
  readonly turn?: Promise<unknown>;
}

export interface ContainerKillerOptions {
  readonly cri: Pick<CriClient, 'stopContainer'>;
  readonly hooks: Pick<HookRunner, 'run'>;
  readonly events: EventRecorder;
  readonly clock: Pick<Clock, 'monotonic' | 'sleep'>;
  readonly log: Log;
}

/** A stop that has begun. */
interface Begun {
  /** monotonic ms */
  readonly at: number;
  hookDone: boolean;
}

/** Stops of so many containers are remembered over a break: more than a node may have. */
const MAX_CUT_OFF = 2_000;

export class ContainerKiller {
  readonly #options: ContainerKillerOptions;
  /** stops that the link cut off, by container, oldest first */
  readonly #cutOff = new Map<string, Begun>();

  constructor(options: ContainerKillerOptions) {
    this.#options = options;
  }

  /**
   * Resolves once the runtime says that the container has stopped, or does not know it. Rejects with
   * StopCutOff where the link was cut within the grace.
   */
  async kill(order: ContainerKillOrder, { signal }: { signal: AbortSignal }): Promise<void> {
    const { id } = order.subject;
    const before = order.reason === 'pod-deleted' ? this.#cutOff.get(id) : undefined;
    const begun = before ?? { at: this.#options.clock.monotonic(), hookDone: false };
    this.#cutOff.delete(id);
    try {
      await this.#stop(order, { begun, again: before !== undefined, signal });
    } catch (error) {
      if (isNotFound(error)) return;
      if (signal.aborted || !isCut(error)) throw error;
      // a pod that is deleted stays so: its next stop is this one
      if (order.reason === 'pod-deleted') this.#remember(id, begun);
      throw this.#graceLeft(order, begun) > 0 ? new StopCutOff(error) : error;
    }
  }

  async #stop(
    order: ContainerKillOrder,
    { begun, again, signal }: { begun: Begun; again: boolean; signal: AbortSignal },
  ): Promise<void> {
    const { subject } = order;
    const name = subject.container.name;
    if (!again) this.#event(subject, 'Killing', order.message ?? `Stopping container ${name}`);
    let grace = this.#graceLeft(order, begun);
    const preStop = subject.container.lifecycle?.preStop;
    if (preStop !== undefined && grace > 0 && !begun.hookDone) {
      grace -= await this.#elapsed(grace, this.#preStop(preStop, order, signal), signal);
      begun.hookDone = true;
    }
    if (order.turn !== undefined && grace > 0) grace -= await this.#elapsed(grace, order.turn, signal);
    const timeout = Math.max(minimumGraceSeconds, grace);
    await this.#options.cri.stopContainer({ container_id: subject.id, timeout }, { signal });
  }

  /** whole seconds */
  #graceLeft({ subject, reason, graceSeconds }: ContainerKillOrder, { at }: Begun): number {
    const grace = graceSeconds ?? killGraceSeconds(subject, reason);
    return grace - Math.floor((this.#options.clock.monotonic() - at) / 1000);
  }

  #remember(id: string, begun: Begun): void {
    this.#cutOff.set(id, begun);
    const [oldest] = this.#cutOff.keys();
    if (this.#cutOff.size > MAX_CUT_OFF && oldest !== undefined) this.#cutOff.delete(oldest);
  }

  /** Never rejects but for an abort: a hook that fails holds nothing up. */
  async #preStop(handler: LifecycleHandler, order: ContainerKillOrder, signal: AbortSignal): Promise<void> {
    const { subject, podIPs } = order;
    const { pod, container, id } = subject;
    try {
      await this.#options.hooks.run(handler, { pod, container, containerId: id, podIPs }, { signal });
    } catch (error) {
      signal.throwIfAborted();
      const fields = { ...podFields(pod.metadata), container: container.name, err: error };
      this.#options.log.info(fields, 'preStop hook failed');
      // the error stays out of the event: it may hold what the container keeps secret
      this.#event(subject, 'FailedPreStopHook', 'PreStopHook failed');
    }
  }

  /**
   * Whole seconds that passed until the promise or the limit; past it the promise is left alone, not undone.
   */
  async #elapsed(limitSeconds: number, promise: Promise<unknown>, signal: AbortSignal): Promise<number> {
    const { clock } = this.#options;
    const began = clock.monotonic();
    const timer = new AbortController();
    const limit = clock
      .sleep(limitSeconds * 1000, { signal: AbortSignal.any([signal, timer.signal]) })
      .catch((error: unknown) => {
        if (!timer.signal.aborted) throw error;
      });
    try {
      await Promise.race([promise, limit]);
    } finally {
      timer.abort();
      promise.catch(() => undefined);
    }
    return Math.floor((clock.monotonic() - began) / 1000);
  }

  #event(subject: KillSubject, reason: EventReason, message: string): void {
    const text = subject.id === '' ? message : message.replaceAll(subject.id, subject.container.name);
    this.#options.events.event(subject.about, reason, text);
  }
}

/** It may go on at the far end: nobody heard. */
function isCut(error: unknown): boolean {
  const kind = kindOf(error);
  return kind === 'unavailable' || kind === 'deadline-exceeded';
}
