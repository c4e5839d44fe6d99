/** Makes a pod's sandbox and learns its addresses: createPodSandbox and SyncPod in kuberuntime_manager.go. */
import type { CriClient } from '../../hosts/cri/calls.ts';
import type { PodSandboxConfig } from '../../hosts/cri/generated/runtime/v1/PodSandboxConfig.ts';
import { FarletError, messageOf } from '../../model/errors.ts';
import type { EventRecorder } from '../../model/events.ts';
import type { Pod } from '../../model/kube.ts';
import { podReference } from '../../model/pod-ref.ts';
import type { ObservedSandbox } from '../../model/runtime-state.ts';
import type { Clock } from '../../util/clock.ts';
import { observedSandbox } from '../observed/observe.ts';
import type { RuntimeMetrics } from '../spec/providers.ts';
import type { PodRuntimeOptions } from './pod-runtime-options.ts';
import type { StartPermits } from './start-permits.ts';

export interface SandboxStarterOptions extends Pick<PodRuntimeOptions, 'told'> {
  readonly cri: Pick<CriClient, 'runPodSandbox' | 'podSandboxStatus'>;
  readonly events: EventRecorder;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly metrics: RuntimeMetrics;
  readonly starts: Pick<StartPermits, 'run'>;
}

export class SandboxStarter {
  readonly #options: SandboxStarterOptions;

  constructor(options: SandboxStarterOptions) {
    this.#options = options;
  }

  /** Rejects with what the runtime said, told in an event, or with the signal's reason. */
  async start(
    pod: Pod,
    sandbox: { readonly config: PodSandboxConfig; readonly runtimeHandler: string },
    { signal }: { signal: AbortSignal },
  ): Promise<ObservedSandbox> {
    const id = await this.#options.starts.run({ call: 'sandbox', signal }, () =>
      this.#run(pod, sandbox, signal),
    );
    const told = await this.#told(pod, id, signal);
    if (told !== undefined) return told;
    try {
      const { status } = await this.#options.cri.podSandboxStatus(
        { pod_sandbox_id: id, verbose: false },
        { signal },
      );
      if (status === null) throw new FarletError('internal', 'pod sandbox status is nil');
      return observedSandbox(status);
    } catch (error) {
      signal.throwIfAborted();
      const message = `Unable to get pod sandbox status: ${messageOf(error)}`;
      this.#options.events.event(podReference(pod), 'FailedPodSandBoxStatus', message);
      throw error;
    }
  }

  /** By its events the runtime tells of the sandbox, and its addresses, before or just after it answers. */
  async #told(
    { metadata, spec }: Pod,
    id: string,
    signal: AbortSignal,
  ): Promise<ObservedSandbox | undefined> {
    const state = await this.#options.told(metadata.uid, { started: [id] }, { signal });
    const sandbox = state?.sandboxes.find((each) => each.id === id);
    return spec.hostNetwork === true || (sandbox?.ips.length ?? 0) > 0 ? sandbox : undefined;
  }

  async #run(
    pod: Pod,
    sandbox: { readonly config: PodSandboxConfig; readonly runtimeHandler: string },
    signal: AbortSignal,
  ): Promise<string> {
    const { cri, clock, metrics } = this.#options;
    const { config, runtimeHandler } = sandbox;
    const began = clock.monotonic();
    const ran = (failed: boolean): void => {
      metrics.sandboxRun({ runtimeHandler, seconds: (clock.monotonic() - began) / 1000, failed });
    };
    try {
      const answer = await cri.runPodSandbox({ config, runtime_handler: runtimeHandler }, { signal });
      ran(false);
      return answer.pod_sandbox_id;
    } catch (error) {
      signal.throwIfAborted();
      ran(true);
      this.failed(pod, error);
      throw error;
    }
  }

  /** Tells that the pod could not get its sandbox. */
  failed(pod: Pod, error: unknown): void {
    this.#options.metrics.podStartFailed();
    const message = `Failed to create pod sandbox: ${messageOf(error)}`;
    this.#options.events.event(podReference(pod), 'FailedCreatePodSandBox', message);
  }
}
