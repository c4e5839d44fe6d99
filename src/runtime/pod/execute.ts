/**
 * Carries out what was decided for a pod: SyncPod and KillPod in kuberuntime_manager.go.
 *
 * I1. The order is the kubelet's: kill, sandbox, ephemeral, init, regular containers. Only questions and files go
 *     ahead of it: they are sent while the sandbox is being made, so that a far host is waited for as rarely as
 *     can be.
 * I2. A container is created only once its files are on the host, and started only once the hosts file is right.
 * I3. What fails becomes a step with an error. Only an abort makes a call reject.
 */
import type { PodSandboxConfig } from '../../hosts/cri/generated/runtime/v1/PodSandboxConfig.ts';
import type { HostLink } from '../../hosts/link/link.ts';
import type { Pod } from '../../model/kube.ts';
import { formatPod, podFields, podRef, podReference } from '../../model/pod-ref.ts';
import type { ObservedSandbox } from '../../model/runtime-state.ts';
import { childController } from '../../util/abort.ts';
import { initContainersToPrune } from '../gc/container-gc.ts';
import { ContainerRemover } from '../gc/container-removal.ts';
import { type PodDns, podDns } from '../spec/dns.ts';
import { HookRunner } from '../stop/hooks.ts';
import { ContainerKiller } from '../stop/kill-container.ts';
import { killPod, type PodKillOrder } from '../stop/kill-pod.ts';
import { killSubject } from '../stop/kill-subject.ts';
import type { PodRuntimeOptions } from '../start/pod-runtime-options.ts';
import { sandboxConfig } from '../spec/sandbox-config.ts';
import { ContainerStarter } from '../start/start-container.ts';
import { allStarting, PodContainersStarter } from '../start/start-containers.ts';
import { SandboxStarter } from '../start/start-sandbox.ts';
import type { RuntimeSettings } from '../spec/settings.ts';
import { failedStep, firstFailure, type SyncStep } from '../spec/steps.ts';
import type { PodSyncInput } from '../start/sync-input.ts';
import { UserNamespaces } from '../spec/user-namespaces.ts';
import { volumeGroups } from '../spec/volume-groups.ts';

export interface PodSyncResult {
  readonly steps: readonly SyncStep[];
  /** the pod's addresses now: the node's for a pod on the host's network */
  readonly ips: readonly string[];
  /** the sandbox this sync made */
  readonly sandbox?: ObservedSandbox;
  /** a failure that belongs to no step */
  readonly error?: unknown;
}

/** The pods of one host. */
export class PodRuntime {
  readonly #options: PodRuntimeOptions;
  readonly #killer: ContainerKiller;
  readonly #sandboxes: SandboxStarter;
  readonly #containers: PodContainersStarter;
  readonly #remover: ContainerRemover;
  readonly #userNamespaces: UserNamespaces;

  constructor(options: PodRuntimeOptions) {
    this.#options = options;
    const { cri, link } = options.host;
    const dial: HostLink['dial'] = (target, rest) => link.dial(target, { ...rest, use: 'hook' });
    const hooks = new HookRunner({ ...options, cri, dial });
    this.#userNamespaces = new UserNamespaces({
      files: link.files,
      paths: options.settings.paths,
      runtime: () => options.host.runtime(),
    });
    this.#killer = new ContainerKiller({ ...options, cri, hooks });
    this.#sandboxes = new SandboxStarter({ ...options, cri });
    this.#remover = new ContainerRemover({ cri, files: link.files, paths: options.settings.paths });
    const starter = new ContainerStarter({
      ...options,
      cri,
      hooks,
      killer: this.#killer,
      runtime: () => options.host.runtime(),
    });
    this.#containers = new PodContainersStarter({ ...options, starter });
  }

  /** Asks the host what a sandbox is made by, ahead of its turn. Never rejects: what fails is asked for again, and told then. */
  async lookAhead({ signal }: { signal: AbortSignal }): Promise<void> {
    await this.#options.hostDns({ signal }).catch(() => undefined);
  }

  /** One step per container or sandbox touched, in order. Rejects only with the signal's reason. */
  async syncPod(input: PodSyncInput, { signal }: { signal: AbortSignal }): Promise<PodSyncResult> {
    const { pod, state, actions } = input;
    if (actions.createSandbox && actions.sandbox !== undefined)
      this.#options.events.event(
        podReference(pod),
        'SandboxChanged',
        'Pod sandbox changed, it will be killed and re-created.',
      );
    const killed = await this.#kill(input, signal);
    if (firstFailure(killed) !== undefined) return { steps: killed, ips: state.ips };
    const reset = await this.#reset(input, signal);
    if (reset.length > 0) return { steps: [...killed, ...reset], ips: state.ips };
    await this.#prune(input, signal);
    const done = [...killed, ...(await this.#resize(input, signal))];
    if (!actions.createSandbox && allStarting(actions).length === 0) return { steps: done, ips: state.ips };
    // what was asked for ahead of its turn is called back when the sync ends early
    const ahead = childController(signal);
    try {
      const result = await this.#start(input, { ahead: ahead.signal, signal });
      return { ...result, steps: [...done, ...result.steps] };
    } finally {
      ahead.abort(new Error('the sync has ended'));
    }
  }

  /** Stops all containers in order and then the sandboxes. Rejects only with the signal's reason. */
  killPod(order: PodKillOrder, { signal }: { signal: AbortSignal }): Promise<SyncStep[]> {
    return killPod(order, { cri: this.#options.host.cri, containers: this.#killer }, { signal });
  }

  async #kill({ pod, state, actions }: PodSyncInput, signal: AbortSignal): Promise<SyncStep[]> {
    if (actions.killPod) return this.killPod({ pod, state }, { signal });
    return Promise.all(
      actions.kill.map(async ({ container, name, message, reason }): Promise<SyncStep> => {
        const step = { action: 'kill-container', target: name } as const;
        const subject = killSubject(pod, container, state);
        try {
          await this.#killer.kill({ subject, reason, message, podIPs: state.ips }, { signal });
          return step;
        } catch (error) {
          signal.throwIfAborted();
          return failedStep(step, 'KillContainerError', error);
        }
      }),
    );
  }

  /** Before anything is started, so that what starts finds its room; a failure holds nothing else up. */
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

  /** One after the other, so that what asked for it goes last; the first failure ends it until the next sync. */
  async #reset({ pod, state, actions }: PodSyncInput, signal: AbortSignal): Promise<SyncStep[]> {
    const steps: SyncStep[] = [];
    for (const { container, kill } of actions.reset) {
      const step = { action: 'remove-container', target: container.name } as const;
      try {
        if (kill) {
          const order = { reason: 'restart-all', message: 'killing', graceSeconds: 0 } as const;
          const subject = killSubject(pod, container, state);
          await this.#killer.kill({ ...order, subject, podIPs: state.ips }, { signal });
        }
        await this.#remover.remove(container, state, { signal, keepLogs: true });
        steps.push(step);
      } catch (error) {
        signal.throwIfAborted();
        return [...steps, failedStep(step, 'RemoveContainerError', error)];
      }
    }
    return steps;
  }

  /** Old init containers go at once: nothing asks for their logs. What can't be removed is left to collection. */
  async #prune({ pod, state, actions }: PodSyncInput, signal: AbortSignal): Promise<void> {
    const all = actions.killPod && actions.createSandbox;
    for (const container of initContainersToPrune(pod, state, { all })) {
      try {
        await this.#remover.remove(container, state, { signal });
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

  async #start(
    input: PodSyncInput,
    signals: { ahead: AbortSignal; signal: AbortSignal },
  ): Promise<PodSyncResult> {
    const { pod, state, actions } = input;
    const { signal } = signals;
    const step = { action: 'create-sandbox', target: formatPod(podRef(pod)) } as const;
    if (actions.createSandbox) this.#options.metrics.podStarting();
    let config: PodSandboxConfig;
    try {
      config = await this.#sandboxConfig(input, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!actions.createSandbox) return { steps: [], ips: state.ips, error };
      this.#sandboxes.failed(pod, error);
      return { steps: [failedStep(step, 'CreatePodSandboxError', error)], ips: [] };
    }
    if (!actions.createSandbox) {
      const ips = this.#ips(pod, state.ips);
      const into = { config, sandboxId: actions.sandbox?.id ?? '', ips };
      return { steps: await this.#containers.start(input, into, signals), ips };
    }
    const prepared = this.#containers.prepare(
      input,
      { containers: allStarting(actions), ips: [] },
      signals.ahead,
    );
    let sandbox: ObservedSandbox;
    try {
      const { runtimeHandler } = input;
      sandbox = await this.#sandboxes.start(pod, { config, runtimeHandler }, { signal });
    } catch (error) {
      signal.throwIfAborted();
      return { steps: [failedStep(step, 'CreatePodSandboxError', error)], ips: [] };
    }
    const ips = this.#ips(pod, sandbox.ips);
    await this.#announce(input, sandbox, ips);
    const into = { config, sandboxId: sandbox.id, ips, prepared };
    const steps = await this.#containers.start(input, into, signals);
    return { steps: [step, ...steps], ips, sandbox };
  }

  /** Whoever is told may fail: the pod goes on all the same. */
  async #announce(input: PodSyncInput, sandbox: ObservedSandbox, ips: readonly string[]): Promise<void> {
    try {
      await input.onSandboxReady?.(sandbox, ips);
    } catch (error) {
      this.#options.log.warn({ ...podFields(input.pod.metadata), err: error }, 'sandbox ready, but not told');
    }
  }

  /** On the host's network a pod has the node's addresses. */
  #ips(pod: Pod, ofSandbox: readonly string[]): readonly string[] {
    return pod.spec.hostNetwork === true ? this.#options.node().ips : ofSandbox;
  }

  async #sandboxConfig(
    { pod, actions, volumes, runtimeHandler }: PodSyncInput,
    signal: AbortSignal,
  ): Promise<PodSandboxConfig> {
    const { settings, hostDns, linuxHost, node } = this.#options;
    const { clusterDNS, clusterDomain } = settings;
    const host = await hostDns({ signal });
    const dns = podDns(pod, { clusterDNS, clusterDomain, host, hostIPs: node().ips });
    this.#warn(pod, dns);
    return sandboxConfig(pod, {
      attempt: actions.attempt,
      dns,
      host: linuxHost(),
      settings: this.#settings(pod),
      cgroupParent: this.#options.cgroupParent?.(pod),
      volumeGroups: volumeGroups(pod, volumes),
      userNamespace: await this.#userNamespaces.of(pod, runtimeHandler, { signal }),
    });
  }

  /** A pod with CPUs of its own may use them to the full. */
  #settings(pod: Pod): RuntimeSettings {
    const { settings, cpus } = this.#options;
    return cpus?.hasExclusive(pod) === true ? { ...settings, cpuCFSQuota: false } : settings;
  }

  #warn(pod: Pod, dns: PodDns): void {
    for (const { about, reason, message } of dns.warnings) {
      const object = about === 'pod' ? podReference(pod) : this.#options.nodeReference;
      this.#options.events.event(object, reason, message);
    }
  }
}
