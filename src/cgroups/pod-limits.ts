/** What a pod's control group is limited to (ResourceConfigForPod in pkg/kubelet/cm/helpers_linux.go). Pure. */
import { specContainers } from '../model/containers.ts';
import type { Pod } from '../model/kube.ts';
import { podLimit } from '../model/pod-limit.ts';
import { podQosClass } from '../model/pod-qos.ts';
import { podRequest } from '../model/pod-requests.ts';
import { quantityValue } from '../model/quantity.ts';

/** What is left out is not touched. */
export interface CgroupLimits {
  /** as cgroup v1 counts: 1024 a CPU, 2 at least */
  readonly cpuShares?: number;
  /** microseconds in each period; -1 for no limit */
  readonly cpuQuota?: number;
  readonly cpuPeriod?: number;
  readonly memoryBytes?: number;
  readonly pids?: number;
  /** bytes by page size in bytes; a size of the host that is not named gets 0 */
  readonly hugePages?: ReadonlyMap<number, number>;
}

export interface CpuEnforcement {
  readonly cpuCFSQuota: boolean;
  /** microseconds */
  readonly cpuCFSQuotaPeriod: number;
}

const minShares = 2;
const maxShares = 262_144;
const minQuota = 1_000;

export function podLimits(
  pod: Pod,
  { cpuCFSQuota, cpuCFSQuotaPeriod: period }: CpuEnforcement,
): CgroupLimits {
  const requests = podRequest(pod);
  const limits = podLimit(pod);
  const hugePages = hugePageAmounts(requests);
  const qos = podQosClass(pod);
  if (qos === 'BestEffort') return { cpuShares: minShares, hugePages };
  const quota = cpuCFSQuota ? quotaOf(limits.cpu ?? 0, period) : -1;
  const cpu = { cpuQuota: quota, cpuPeriod: period };
  return {
    cpuShares: sharesOf(requests.cpu ?? 0),
    ...(qos === 'Guaranteed' || isLimited(pod, 'cpu') ? cpu : {}),
    ...(qos === 'Guaranteed' || isLimited(pod, 'memory') ? { memoryBytes: limits.memory ?? 0 } : {}),
    hugePages,
  };
}

/** milli CPUs → shares. */
export function sharesOf(milliCpu: number): number {
  return Math.min(maxShares, Math.max(minShares, Math.floor((milliCpu * 1024) / 1000)));
}

function quotaOf(milliCpu: number, period: number): number {
  return milliCpu === 0 ? 0 : Math.max(minQuota, Math.floor((milliCpu * period) / 1000));
}

/** One container without a limit leaves the whole pod without, unless the pod has one of its own. */
function isLimited(pod: Pod, resource: 'cpu' | 'memory'): boolean {
  if (quantityValue(pod.spec.resources?.limits?.[resource]) > 0) return true;
  return specContainers(pod.spec).every(({ resources }) => quantityValue(resources?.limits?.[resource]) > 0);
}

/** Amounts of `hugepages-2Mi` and the like by page size in bytes. */
export function hugePageAmounts(amounts: Readonly<Record<string, number>>): Map<number, number> {
  const prefix = 'hugepages-';
  return new Map(
    Object.entries(amounts)
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, amount]) => [quantityValue(name.slice(prefix.length)), amount]),
  );
}
