/**
 * Stops one container: killContainer in kuberuntime_container.go. The preStop hook and the wait for its turn are
 * taken out of the grace; what is left, at least 2 s, is the runtime's.
 */
import type { CriClient } from '../cri/calls.ts';
import { isNotFound, messageOf } from '../model/errors.ts';
import type { EventRecorder } from '../model/events.ts';
import type { LifecycleHandler } from '../model/kube.ts';
import type { Log } from '../model/log.ts';
import type { KillReason } from '../model/pod-actions.ts';
import { podRef } from '../model/pod-ref.ts';
import type { Clock } from '../util/clock.ts';
import type { HookRunner } from './hooks.ts';
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

export class ContainerKiller {
  readonly #options: ContainerKillerOptions;

  constructor(options: ContainerKillerOptions) {
    this.#options = options;
  }

  /** Resolves once the runtime says that the container has stopped, or does not know it. */
  async kill(order: ContainerKillOrder, { signal }: { signal: AbortSignal }): Promise<void> {
    const { subject } = order;
    const name = subject.container.name;
    const message = order.message ?? `Stopping container ${name}`;
    this.#event(subject, 'Normal', 'Killing', message);
    let grace = order.graceSeconds ?? killGraceSeconds(subject, order.reason);
    const preStop = subject.container.lifecycle?.preStop;
    if (preStop !== undefined && grace > 0)
      grace -= await this.#elapsed(grace, this.#preStop(preStop, order, signal), signal);
    if (order.turn !== undefined && grace > 0) grace -= await this.#elapsed(grace, order.turn, signal);
    const timeout = Math.max(minimumGraceSeconds, grace);
    try {
      await this.#options.cri.stopContainer({ container_id: subject.id, timeout }, { signal });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /** Never rejects but for an abort: a hook that fails holds nothing up. */
  async #preStop(handler: LifecycleHandler, order: ContainerKillOrder, signal: AbortSignal): Promise<void> {
    const { subject, podIPs } = order;
    const { pod, container, id } = subject;
    try {
      await this.#options.hooks.run(handler, { pod, container, containerId: id, podIPs }, { signal });
    } catch (error) {
      signal.throwIfAborted();
      const fields = { pod: podRef(pod), container: container.name, reason: messageOf(error) };
      this.#options.log.info(fields, 'preStop hook failed');
      // the error stays out of the event: it may hold what the container keeps secret
      this.#event(subject, 'Warning', 'FailedPreStopHook', 'PreStopHook failed');
    }
  }

  /** Whole seconds that passed until the promise or the limit; past it the promise is left alone, not undone. */
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

  #event(subject: KillSubject, type: 'Normal' | 'Warning', reason: string, message: string): void {
    const text = subject.id === '' ? message : message.replaceAll(subject.id, subject.container.name);
    this.#options.events.event(subject.about, type, reason, text);
  }
}
