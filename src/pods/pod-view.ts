/** A pod as its steps see it: what the runtime holds of it, and the API status that follows from that. */
import type { HostState, RuntimeInfo } from '../hosts/runtime-host.ts';
import { kindOf, messageOf } from '../model/errors.ts';
import type { EventRecorder } from '../model/events.ts';
import type { Pod, PodStatus, RuntimeClass } from '../model/kube.ts';
import { podRef, podReference, type PodRef } from '../model/pod-ref.ts';
import { emptyRuntimeState, type Deeds, type PodRuntimeState, type Told } from '../model/runtime-state.ts';
import type { ProbeResults } from '../runtime/decide/init-actions.ts';
import type { StartErrors } from '../runtime/start/start-errors.ts';
import type { Clock } from '../util/clock.ts';
import type { PodResizes } from './status/pod-resizes.ts';
import { podStatus } from './status/status.ts';
import type { TerminationMessages } from './status/termination-messages.ts';

export interface PodViewOptions {
  readonly clock: Clock;
  readonly events: EventRecorder;
  readonly host: {
    readonly name: string;
    state(): HostState;
    runtime(): Pick<RuntimeInfo, 'name' | 'handlers'> | undefined;
  };
  readonly cache: { get(uid: string): PodRuntimeState | undefined };
  /** asks the runtime again; the answer is newer than the question */
  readonly observe: {
    refresh(pod: PodRef, options: { signal: AbortSignal }): Promise<void>;
    readonly told: Told;
  };
  readonly startErrors: StartErrors;
  readonly resizes: PodResizes;
  readonly runtimeClass: (name: string) => RuntimeClass | undefined;
  readonly probes: ProbeResults & { readonly readiness: ProbeResults['liveness'] };
  readonly messages: TerminationMessages;
  readonly status: { current(uid: string): PodStatus | undefined };
  readonly hostIPs: () => readonly string[];
}

export class PodView {
  readonly #options: PodViewOptions;

  constructor(options: PodViewOptions) {
    this.#options = options;
  }

  /** What the runtime was last seen to hold of the pod; nothing if it was not seen. */
  state(pod: Pod): PodRuntimeState {
    return (
      this.#options.cache.get(pod.metadata.uid) ??
      emptyRuntimeState(podRef(pod), this.#options.clock.monotonic())
    );
  }

  /** The API status of the pod in this state (generateAPIPodStatus). Does not set it. */
  status(pod: Pod, state: PodRuntimeState, { isTerminal }: { isTerminal: boolean }): PodStatus {
    const { startErrors, probes, messages, resizes, hostIPs, host, clock, status } = this.#options;
    const { uid } = pod.metadata;
    return podStatus({
      pod,
      state,
      previous: status.current(uid) ?? pod.status ?? {},
      failure: (container) => {
        const error = startErrors.get(uid, container);
        return error === undefined ? undefined : { reason: error.code, message: error.message };
      },
      probes,
      terminationMessage: (id) => messages.get(id),
      resize: resizes,
      hostIPs: hostIPs(),
      runtimeName: host.runtime()?.name ?? 'unknown',
      recursiveReadOnly: this.#recursiveReadOnly(pod),
      isTerminal,
      isComplete: true,
      now: clock.now(),
    });
  }

  /**
   * Asks the runtime about the pod again. Rejects if it could not report everything it holds, and emits
   * FailedSync (pkg/kubelet/pod_workers.go podWorkerLoop) unless the host is what can't be asked.
   */
  async observe(pod: Pod, signal: AbortSignal): Promise<void> {
    try {
      await this.#options.observe.refresh(podRef(pod), { signal });
    } catch (error) {
      signal.throwIfAborted();
      if (kindOf(error) !== 'unavailable') this.reportUnseen(pod, messageOf(error));
      throw error;
    }
  }

  /** The same where this is all that was done: events may tell as much. */
  async observeDeeds(pod: Pod, deeds: Deeds, signal: AbortSignal): Promise<void> {
    const told = await this.#options.observe.told(pod.metadata.uid, deeds, { signal });
    if (told === undefined) await this.observe(pod, signal);
  }

  /** Emits FailedSync: the pod can't be synced as long as its state is unknown. */
  reportUnseen(pod: Pod, why: string): void {
    this.#options.events.event(podReference(pod), 'FailedSync', `error determining status: ${why}`);
  }

  #recursiveReadOnly({ spec: { runtimeClassName = '' } }: Pod): boolean {
    const { host, runtimeClass } = this.#options;
    const handler = runtimeClassName === '' ? '' : runtimeClass(runtimeClassName)?.handler;
    return (
      host
        .runtime()
        ?.handlers.some(
          ({ name, recursiveReadOnlyMounts }) => name === handler && recursiveReadOnlyMounts,
        ) === true
    );
  }
}
