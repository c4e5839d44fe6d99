/**
 * Carries out a resize: doPodResizeAction in kuberuntime_manager.go. What grows is given room in the pod's
 * group before its containers grow; what shrinks, after they have shrunk.
 */
import type { CgroupLimits } from '../../resources/cgroups/pod-limits.ts';
import type { CurrentLimits } from '../../resources/cgroups/read-limits.ts';
import type { CriClient } from '../../hosts/cri/calls.ts';
import type { LinuxContainerResources } from '../../hosts/cri/generated/runtime/v1/LinuxContainerResources.ts';
import { CriError, FarletError, kindOf } from '../../model/errors.ts';
import type { Container, Pod } from '../../model/kube.ts';
import { formatPod, podRef } from '../../model/pod-ref.ts';
import type { ContainerResize, ResizePlan, ResourceAmounts } from '../../model/resource-amounts.ts';
import type { ActuatedResources } from './actuated-resources.ts';
import { containerResources, overheadResources } from '../spec/linux-resources.ts';
import { shrinkProblems } from './shrink-problems.ts';
import type { LinuxHost, RuntimeSettings } from '../spec/runtime-settings.ts';

export interface PodResizerOptions {
  readonly cri: Pick<
    CriClient,
    'updateContainerResources' | 'updatePodSandboxResources' | 'listContainerStats'
  >;
  readonly cgroups: {
    read(pod: Pod, options: { signal: AbortSignal }): Promise<CurrentLimits | undefined>;
    wanted(pod: Pod): CgroupLimits;
    update(pod: Pod, limits: CgroupLimits, options: { signal: AbortSignal }): Promise<void>;
  };
  readonly actuated: Pick<ActuatedResources, 'setContainer' | 'setPod'>;
  readonly settings: Pick<RuntimeSettings, 'cpuCFSQuota' | 'cpuCFSQuotaPeriod'>;
  readonly linuxHost: () => LinuxHost;
}

interface Under {
  readonly pod: Pod;
  readonly sandboxId: string;
  readonly plan: ResizePlan;
  readonly signal: AbortSignal;
  /** what the pod's group has, changed as it is changed; undefined where farlet keeps none */
  current: CurrentLimits | undefined;
  readonly wanted: CgroupLimits;
  /** what containers have, as far as this resize has come */
  readonly reached: Map<string, ResourceAmounts>;
}

export class PodResizer {
  readonly #options: PodResizerOptions;
  /** runtimes older than the call are asked once */
  #tellsSandbox = true;

  constructor(options: PodResizerOptions) {
    this.#options = options;
  }

  /** Rejects at the first thing that can't be done; what was done before it stays and is not done again. */
  async resize(
    pod: Pod,
    { plan, sandboxId }: { plan: ResizePlan; sandboxId: string },
    { signal }: { signal: AbortSignal },
  ): Promise<void> {
    const { cgroups, actuated } = this.#options;
    const under: Under = {
      pod,
      sandboxId,
      plan,
      signal,
      current: await this.#current(pod, signal),
      wanted: cgroups.wanted(pod),
      reached: new Map(),
    };
    await this.#verify(under);
    if (plan.memory.length > 0 || plan.podChanges) await this.#memory(under);
    if (plan.cpu.length > 0 || plan.podChanges) await this.#cpu(under);
    if (plan.podChanges) actuated.setPod(pod);
  }

  async #current(pod: Pod, signal: AbortSignal): Promise<CurrentLimits | undefined> {
    try {
      return await this.#options.cgroups.read(pod, { signal });
    } catch (error) {
      signal.throwIfAborted();
      const quoted = `"${formatPod(podRef(pod))}"`;
      throw new FarletError(kindOf(error), `unable to get pod cgroup memory config for pod ${quoted}`, {
        cause: error,
      });
    }
  }

  async #verify({ plan, current, wanted, sandboxId, signal, pod }: Under): Promise<void> {
    const shrinksPod =
      wanted.memoryBytes !== undefined && current !== undefined && wanted.memoryBytes < current.memoryBytes;
    const shrinking = plan.memory.filter(
      ({ current: now, desired }) =>
        desired.memoryLimit !== 0n && (now.memoryLimit === 0n || desired.memoryLimit < now.memoryLimit),
    );
    if (!shrinksPod && shrinking.length === 0) return;
    const { stats } = await this.#options.cri
      .listContainerStats({ filter: { pod_sandbox_id: sandboxId } }, { signal })
      .catch((error: unknown) => {
        signal.throwIfAborted();
        throw new FarletError(
          kindOf(error),
          `unable to read memory usage for pod "${formatPod(podRef(pod))}"`,
          { cause: error },
        );
      });
    const problems = shrinkProblems({
      pod: shrinksPod ? { limit: wanted.memoryBytes, used: current.memoryUsedBytes } : undefined,
      containers: shrinking.map(({ container, desired, id }) => {
        const memory = stats.find(({ attributes }) => attributes?.id === id)?.memory;
        const used = memory?.usage_bytes?.value ?? memory?.working_set_bytes?.value;
        return { name: container.name, limit: desired.memoryLimit, used };
      }),
    });
    if (problems !== undefined) throw new FarletError('invalid', problems);
  }

  async #memory(under: Under): Promise<void> {
    const { wanted, current, plan } = under;
    const limit = wanted.memoryBytes;
    const set = (): Promise<void> => this.#setPod(under, limit === undefined ? {} : { memoryBytes: limit });
    const change =
      limit === undefined || limit === 0 || current === undefined ? 0 : limit - current.memoryBytes;
    if (change > 0) await set();
    for (const each of plan.memory) await this.#container(under, each, 'memory');
    if (change < 0) await set();
  }

  async #cpu(under: Under): Promise<void> {
    const { wanted, current, plan } = under;
    const { cpuQuota, cpuPeriod, cpuShares } = wanted;
    const setLimit = (): Promise<void> =>
      this.#setPod(under, {
        ...(cpuQuota === undefined ? {} : { cpuQuota }),
        ...(cpuPeriod === undefined ? {} : { cpuPeriod }),
      });
    const setRequest = (): Promise<void> => this.#setPod(under, cpuShares === undefined ? {} : { cpuShares });
    const limit = cpuQuota === undefined || current === undefined ? 0 : cpuQuota - current.cpuQuota;
    const request = cpuShares === undefined || current === undefined ? 0 : cpuShares - current.cpuShares;
    if (limit > 0) await setLimit();
    if (request > 0) await setRequest();
    for (const each of plan.cpu) await this.#container(under, each, 'cpu');
    if (request < 0) await setRequest();
    if (limit < 0) await setLimit();
  }

  /** The runtime hears of it first and may refuse it. */
  async #setPod(under: Under, limits: CgroupLimits): Promise<void> {
    const { pod, current, signal } = under;
    if (current === undefined) return;
    const next = { ...current, ...limits };
    await this.#tellSandbox(under, next);
    try {
      await this.#options.cgroups.update(pod, limits, { signal });
    } catch (error) {
      signal.throwIfAborted();
      await this.#tellSandbox(under, current).catch(() => undefined);
      throw error;
    }
    under.current = next;
  }

  async #tellSandbox({ pod, sandboxId, signal }: Under, limits: CurrentLimits): Promise<void> {
    if (!this.#tellsSandbox) return;
    const { cri, linuxHost, settings } = this.#options;
    try {
      await cri.updatePodSandboxResources(
        {
          pod_sandbox_id: sandboxId,
          overhead: overheadResources(pod, { host: linuxHost(), settings }),
          resources: sandboxLimits(limits),
        },
        { signal },
      );
    } catch (error) {
      signal.throwIfAborted();
      // containerd 2.2 says so in words only
      const unknown = error instanceof CriError && error.description.includes('not implemented');
      if (kindOf(error) !== 'unimplemented' && !unknown) throw error;
      this.#tellsSandbox = false;
    }
  }

  async #container(
    { pod, reached, signal }: Under,
    { container, id, current, desired }: ContainerResize,
    resource: 'cpu' | 'memory',
  ): Promise<void> {
    const { cri, settings, linuxHost, actuated } = this.#options;
    const before = reached.get(id) ?? current;
    const amounts =
      resource === 'cpu'
        ? { ...before, cpuLimit: desired.cpuLimit, cpuRequest: desired.cpuRequest }
        : { ...before, memoryLimit: desired.memoryLimit, memoryRequest: desired.memoryRequest };
    const linux = containerResources(pod, withAmounts(container, amounts), { host: linuxHost(), settings });
    await cri.updateContainerResources({ container_id: id, linux }, { signal });
    reached.set(id, amounts);
    actuated.setContainer(pod.metadata.uid, id, amounts);
  }
}

function sandboxLimits({
  cpuShares,
  cpuQuota,
  cpuPeriod,
  memoryBytes,
}: CurrentLimits): LinuxContainerResources {
  return {
    cpu_shares: cpuShares,
    cpu_quota: cpuQuota,
    cpu_period: cpuPeriod,
    ...(memoryBytes === Number.MAX_SAFE_INTEGER ? {} : { memory_limit_in_bytes: memoryBytes }),
  };
}

function withAmounts(container: Container, amounts: ResourceAmounts): Container {
  const { cpuRequest, cpuLimit, memoryRequest, memoryLimit } = amounts;
  return {
    ...container,
    resources: {
      ...container.resources,
      requests: {
        ...container.resources?.requests,
        cpu: `${cpuRequest}m`,
        memory: String(memoryRequest),
      },
      limits: { ...container.resources?.limits, cpu: `${cpuLimit}m`, memory: String(memoryLimit) },
    },
  };
}
