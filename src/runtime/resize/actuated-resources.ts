/**
 * What running containers really have of what can be resized (pkg/kubelet/kuberuntime: actuatedState). What
 * farlet set itself it knows; after a restart the runtime tells it, or, where that can't, the pod's last
 * status.
 */
import { findContainerStatus, isStatusOf } from '../../model/containers.ts';
import type { Container, Pod, ResourceRequirements } from '../../model/kube.ts';
import { containerAmounts, requirementAmounts, type ResourceAmounts } from '../../model/resource-amounts.ts';
import type { ObservedContainer, ObservedResources } from '../../model/runtime-state.ts';
import { cpuQuota, cpuShares, type CfsSettings } from '../spec/linux-resources.ts';

interface Known {
  readonly containers: Map<string, ResourceAmounts>;
  pod: ResourceRequirements | undefined;
}

export class ActuatedResources {
  readonly #settings: CfsSettings;
  readonly #hasExclusiveCpus: (pod: Pod, container: string) => boolean;
  readonly #pods = new Map<string, Known>();

  constructor(options: {
    settings: CfsSettings;
    hasExclusiveCpus: (pod: Pod, container: string) => boolean;
  }) {
    this.#settings = options.settings;
    this.#hasExclusiveCpus = options.hasExclusiveCpus;
  }

  ofContainer(pod: Pod, container: Container, observed: ObservedContainer): ResourceAmounts {
    const known = this.#pods.get(pod.metadata.uid)?.containers.get(observed.id);
    if (known !== undefined) return known;
    const wanted = containerAmounts(pod, container);
    const reported = reportedAmounts(pod, container, observed);
    if (observed.resources === undefined) return reported ?? wanted;
    const { cpuCFSQuota } = this.#settings;
    const hasQuota = cpuCFSQuota && !this.#hasExclusiveCpus(pod, container.name);
    return {
      ...fromRuntime(observed.resources, wanted, { hasQuota, period: this.#settings.cpuCFSQuotaPeriod }),
      // a runtime knows of no memory request
      memoryRequest: (reported ?? wanted).memoryRequest,
    };
  }

  ofPod(pod: Pod): ResourceAmounts {
    const known = this.#pods.get(pod.metadata.uid)?.pod ?? pod.status?.resources ?? pod.spec.resources;
    return requirementAmounts(known);
  }

  setContainer(uid: string, id: string, amounts: ResourceAmounts): void {
    this.#known(uid).containers.set(id, amounts);
  }

  setPod(pod: Pod): void {
    this.#known(pod.metadata.uid).pod = pod.spec.resources;
  }

  forget(uid: string): void {
    this.#pods.delete(uid);
  }

  #known(uid: string): Known {
    const known = this.#pods.get(uid) ?? { containers: new Map<string, ResourceAmounts>(), pod: undefined };
    this.#pods.set(uid, known);
    return known;
  }
}

/** What the cgroup values can't tell apart is taken to be as wanted. */
function fromRuntime(
  { cpuShares: shares, cpuQuota: quota, cpuPeriod, memoryLimitBytes }: ObservedResources,
  wanted: ResourceAmounts,
  { hasQuota, period }: { hasQuota: boolean; period: number },
): ResourceAmounts {
  const asWanted = cpuShares(wanted.cpuRequest === 0n ? wanted.cpuLimit : wanted.cpuRequest);
  const cpuLimit =
    !hasQuota || Math.max(0, quota) === cpuQuota(wanted.cpuLimit, period)
      ? wanted.cpuLimit
      : quota > 0 && cpuPeriod > 0
        ? whole((quota * 1000) / cpuPeriod)
        : 0n;
  return {
    cpuRequest:
      shares === 0 || shares === asWanted ? wanted.cpuRequest : whole(Math.ceil((shares * 1000) / 1024)),
    cpuLimit,
    memoryRequest: wanted.memoryRequest,
    // beyond 2^53 the runtime's number is not exact
    memoryLimit:
      Number(wanted.memoryLimit) === memoryLimitBytes
        ? wanted.memoryLimit
        : whole(Math.max(0, memoryLimitBytes)),
  };
}

function whole(number: number): bigint {
  return Number.isFinite(number) ? BigInt(Math.floor(number)) : 0n;
}

/** What the status last said of this very container while it ran. */
function reportedAmounts(
  pod: Pod,
  container: Container,
  observed: ObservedContainer,
): ResourceAmounts | undefined {
  const status = findContainerStatus(pod.status, container.name);
  if (status?.state?.running === undefined || status.resources === undefined) return undefined;
  if (!isStatusOf(status, observed.id)) return undefined;
  return containerAmounts(pod, { ...container, resources: status.resources });
}
