/**
 * Carries out what was decided for a pod: SyncPod and KillPod in kuberuntime_manager.go.
 *
 * I1. The order is the kubelet's: kill, sandbox, ephemeral, init, regular containers. Only questions and
 *     files go ahead of it (start/prefetched.ts): they are sent while the sandbox is being made, to save
 *     round trips.
 * I2. A container is created only once its files are on the host, and started only once the hosts file is
 *     right.
 * I3. A failure becomes a step with an error. Only an abort makes a call reject.
 */
import type { PodSandboxConfig } from '../../hosts/cri/generated/runtime/v1/PodSandboxConfig.ts';
import type { Pod } from '../../model/kube.ts';
import { formatPod, podFields, podRef, podReference } from '../../model/pod-ref.ts';
import type { ObservedSandbox, PodRuntimeState } from '../../model/runtime-state.ts';
import { childController } from '../../util/abort.ts';
import { initContainersToPrune } from '../gc/container-gc.ts';
import type { ContainerRemover } from '../gc/container-remover.ts';
import { killContainers, stopSandboxes, type PodKillOrder } from '../stop/kill-pod.ts';
import { killSubject } from '../stop/kill-subject.ts';
import type { PodRuntimeOptions } from '../start/pod-runtime-options.ts';
import { Prefetched } from '../start/prefetched.ts';
import { SandboxConfigBuilder } from '../start/sandbox-config-builder.ts';
import { ContainerStarter } from '../start/container-starter.ts';
import { allStarting, PodContainersStarter, type StartSignals } from '../start/pod-containers-starter.ts';
import { SandboxStarter } from '../start/sandbox-starter.ts';
import { failedStep, firstFailure, type SyncStep } from '../spec/steps.ts';
import { maySandboxesStop } from '../spec/stop-cut-off.ts';
import type { PodSyncInput } from '../start/sync-input.ts';

export interface PodSyncResult {
  readonly steps: readonly SyncStep[];
  /** the pod's addresses now: the node's for a pod on the host's network */
  readonly ips: readonly string[];
  /** the sandbox this sync made */
  readonly sandbox?: ObservedSandbox;
  /** a failure that belongs to no step */
  readonly error?: unknown;
}

export interface PodRuntimeParts extends PodRuntimeOptions {
  readonly remover: ContainerRemover;
}

/** The pods of one host. */
export class PodRuntime {
  readonly #options: PodRuntimeParts;
  readonly #sandboxConfigs: SandboxConfigBuilder;
  readonly #sandboxes: SandboxStarter;
  readonly #containers: PodContainersStarter;

  constructor(options: PodRuntimeParts) {
    this.#options = options;
    const { cri } = options.host;
    this.#sandboxConfigs = new SandboxConfigBuilder(options);
    this.#sandboxes = new SandboxStarter({ ...options, cri });
    const starter = new ContainerStarter({
      ...options,
      cri,
      runtime: () => options.host.runtime(),
    });
    this.#containers = new PodContainersStarter({ ...options, starter });
  }

  /** Asks the host for its DNS settings early. Never rejects: the sandbox asks again and reports. */
  async lookAhead({ signal }: { signal: AbortSignal }): Promise<void> {
    await this.#options.hostDns({ signal }).catch(() => undefined);
  }

  /**
   * One step per container or sandbox touched, in order. Rejects only with the signal's reason. The numbers
   * are kuberuntime's: its step 1, the decision, is `input.actions`; its step 7 comes before the starts here.
   */
  async syncPod(input: PodSyncInput, { signal }: { signal: AbortSignal }): Promise<PodSyncResult> {
    const { state, actions } = input;
    this.#announceChange(input);
    // Step 2: kill the pod if the sandbox has changed.
    // Step 3: kill any running containers in this pod which are not to keep.
    const killed = await this.#kill(input, signal);
    if (firstFailure(killed) !== undefined) return { steps: killed, ips: state.ips };
    const reset = await this.#reset(input, signal);
    if (reset.length > 0) return { steps: [...killed, ...reset], ips: state.ips };
    await this.#prune(input, signal);
    // Step 7: update the resources of running containers.
    const done = [...killed, ...(await this.#resize(input, signal))];
    if (!actions.createSandbox && allStarting(actions).length === 0) return { steps: done, ips: state.ips };
    // a sync that ends early calls off what it asked ahead of its turn
    const ahead = childController(signal);
    try {
      // Step 4: create a sandbox for the pod if necessary.
      // Steps 5, 6 and 8: start ephemeral, init and regular containers.
      const result = await this.#start(input, { ahead: ahead.signal, signal });
      return { ...result, steps: [...done, ...result.steps] };
    } finally {
      ahead.abort(new Error('the sync has ended'));
    }
  }

  /**
   * Stops all containers in order and then the sandboxes, if nobody has grace left. Rejects only with the
   * signal's reason.
   */
  async killPod(order: PodKillOrder, { signal }: { signal: AbortSignal }): Promise<SyncStep[]> {
    const steps = await this.killContainers(order, { signal });
    if (!maySandboxesStop(steps)) return steps;
    return [...steps, await this.stopSandboxes(order.state, { signal })];
  }

  /** The first half of `killPod`. */
  killContainers(order: PodKillOrder, { signal }: { signal: AbortSignal }): Promise<SyncStep[]> {
    const { host, killer } = this.#options;
    return killContainers(order, { cri: host.cri, containers: killer }, { signal });
  }

  /** The second half of `killPod`. */
  stopSandboxes(state: PodRuntimeState, { signal }: { signal: AbortSignal }): Promise<SyncStep> {
    return stopSandboxes(state, { cri: this.#options.host.cri }, { signal });
  }

  #announceChange({ pod, actions }: PodSyncInput): void {
    if (!actions.createSandbox || actions.sandbox === undefined) return;
    const message = 'Pod sandbox changed, it will be killed and re-created.';
    this.#options.events.event(podReference(pod), 'SandboxChanged', message);
  }

  async #kill({ pod, state, actions }: PodSyncInput, signal: AbortSignal): Promise<SyncStep[]> {
    if (actions.killPod) {
      const isNew = state.sandboxes.length === 0 && state.containers.length === 0;
      return isNew ? [] : this.killPod({ pod, state }, { signal });
    }
    return Promise.all(
      actions.kill.map(async ({ container, name, message, reason }): Promise<SyncStep> => {
        const step = { action: 'kill-container', target: name } as const;
        const subject = killSubject(pod, container, state);
        try {
          await this.#options.killer.kill({ subject, reason, message, podIPs: state.ips }, { signal });
          return step;
        } catch (error) {
          signal.throwIfAborted();
          return failedStep(step, 'KillContainerError', error);
        }
      }),
    );
  }

  /** Before the starts, so that containers find the room they need. A failure does not stop the sync. */
  async #resize({ pod, resize, actions }: PodSyncInput, signal: AbortSignal): Promise<SyncStep[]> {
    const { resizer } = this.#options;
    if (resize === undefined || resizer === undefined || actions.sandbox === undefined) return [];
    const step = { action: 'resize-pod', target: formatPod(podRef(pod)) } as const;
    try {
      await resizer.resize(pod, { plan: resize, sandboxId: actions.sandbox.id }, { signal });
      return [step];
    } catch (error) {
      signal.throwIfAborted();
      return [failedStep(step, 'ResizePodInPlaceError', error)];
    }
  }

  /** The container that asked for it comes last. The first failure ends it until the next sync. */
  async #reset({ pod, state, actions }: PodSyncInput, signal: AbortSignal): Promise<SyncStep[]> {
    const steps: SyncStep[] = [];
    for (const { container, kill } of actions.reset) {
      const step = { action: 'remove-container', target: container.name } as const;
      try {
        if (kill) {
          const order = { reason: 'restart-all', message: 'killing', graceSeconds: 0 } as const;
          const subject = killSubject(pod, container, state);
          await this.#options.killer.kill({ ...order, subject, podIPs: state.ips }, { signal });
        }
        await this.#options.remover.remove(container, state, { signal, keepLogs: true });
        steps.push(step);
      } catch (error) {
        signal.throwIfAborted();
        return [...steps, failedStep(step, 'RemoveContainerError', error)];
      }
    }
    return steps;
  }

  /** Removes old init containers: nothing asks for their logs. Garbage collection gets those that resist. */
  async #prune({ pod, state, actions }: PodSyncInput, signal: AbortSignal): Promise<void> {
    const all = actions.killPod && actions.createSandbox;
    for (const container of initContainersToPrune(pod, state, { all })) {
      try {
        await this.#options.remover.remove(container, state, { signal });
      } catch (error) {
        signal.throwIfAborted();
        const fields = {
          ...podFields(pod.metadata),
          container: container.name,
          containerId: container.id,
          err: error,
        };
        this.#options.log.warn(fields, 'init container not removed');
      }
    }
  }

  async #start(input: PodSyncInput, signals: StartSignals): Promise<PodSyncResult> {
    const { pod, state, actions } = input;
    const { signal } = signals;
    if (actions.createSandbox) this.#options.metrics.podStarting();
    let config: PodSandboxConfig;
    try {
      config = await this.#sandboxConfigs.build(input, { signal });
    } catch (error) {
      signal.throwIfAborted();
      if (!actions.createSandbox) return { steps: [], ips: state.ips, error };
      this.#sandboxes.failed(pod, error);
      return { steps: [failedSandbox(pod, error)], ips: [] };
    }
    if (actions.createSandbox) return this.#startInNewSandbox(input, config, signals);
    const ips = this.#ips(pod, state.ips);
    const sandbox = { id: actions.sandbox?.id ?? '', config, ips, isNew: false };
    return { steps: await this.#containers.start(input, { sandbox }, signals), ips };
  }

  async #startInNewSandbox(
    input: PodSyncInput,
    config: PodSandboxConfig,
    { ahead, signal }: StartSignals,
  ): Promise<PodSyncResult> {
    const { pod, state, actions, runtimeHandler } = input;
    const prefetched = new Prefetched(
      this.#options,
      { pod, state, containers: allStarting(actions), podIPs: [] },
      { signal: ahead },
    );
    let observed: ObservedSandbox;
    try {
      observed = await this.#sandboxes.start(pod, { config, runtimeHandler }, { signal });
    } catch (error) {
      signal.throwIfAborted();
      return { steps: [failedSandbox(pod, error)], ips: [] };
    }
    const ips = this.#ips(pod, observed.ips);
    await this.#announce(input, observed, ips);
    const sandbox = { id: observed.id, config, ips, isNew: true };
    const steps = await this.#containers.start(input, { sandbox, prefetched }, { ahead, signal });
    return { steps: [{ ...sandboxStep(pod), id: observed.id }, ...steps], ips, sandbox: observed };
  }

  /** A listener that fails must not keep the pod from starting. */
  async #announce(input: PodSyncInput, sandbox: ObservedSandbox, ips: readonly string[]): Promise<void> {
    try {
      await input.onSandboxReady?.(sandbox, ips);
    } catch (error) {
      this.#options.log.warn(
        { ...podFields(input.pod.metadata), err: error },
        'the ready sandbox could not be reported',
      );
    }
  }

  /** On the host's network a pod has the node's addresses. */
  #ips(pod: Pod, sandboxIPs: readonly string[]): readonly string[] {
    return pod.spec.hostNetwork === true ? this.#options.node().ips : sandboxIPs;
  }
}

function sandboxStep(pod: Pod): SyncStep {
  return { action: 'create-sandbox', target: formatPod(podRef(pod)) };
}

function failedSandbox(pod: Pod, error: unknown): SyncStep {
  return failedStep(sandboxStep(pod), 'CreatePodSandboxError', error);
}
