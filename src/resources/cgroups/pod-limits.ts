/**
 * What a pod's control group is limited to (ResourceConfigForPod in pkg/kubelet/cm/helpers_linux.go). Pure.
 */
import { specContainers } from '../../model/containers.ts';
import type { Pod } from '../../model/kube.ts';
import { podLimit, podRequest } from '../../model/pod-requests.ts';
import { podQosClass } from '../../model/pod-qos.ts';
import { isPositive, quantityValue } from '../../model/quantity-text.ts';
import type { Amounts } from '../../model/resource-lists.ts';

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
  const quota = cpuCFSQuota ? quotaOf(limits.get('cpu') ?? 0n, period) : -1;
  const cpu = { cpuQuota: quota, cpuPeriod: period };
  return {
    cpuShares: sharesOf(requests.get('cpu') ?? 0n),
    ...(qos === 'Guaranteed' || isLimited(pod, 'cpu') ? cpu : {}),
    ...(qos === 'Guaranteed' || isLimited(pod, 'memory')
      ? { memoryBytes: Number(limits.get('memory') ?? 0n) }
      : {}),
    hugePages,
  };
}

/** milli CPUs → shares. */
export function sharesOf(milliCpu: bigint): number {
  return Math.min(maxShares, Math.max(minShares, Number((milliCpu * 1024n) / 1000n)));
}

function quotaOf(milliCpu: bigint, period: number): number {
  return milliCpu === 0n ? 0 : Math.max(minQuota, Number((milliCpu * BigInt(period)) / 1000n));
}

/** One container without a limit leaves the whole pod without, unless the pod has one of its own. */
function isLimited(pod: Pod, resource: 'cpu' | 'memory'): boolean {
  if (isPositive(pod.spec.resources?.limits?.[resource])) return true;
  return specContainers(pod.spec).every(({ resources }) => isPositive(resources?.limits?.[resource]));
}

/** Amounts of `hugepages-2Mi` and the like by page size in bytes. */
export function hugePageAmounts(amounts: Amounts): Map<number, number> {
  const prefix = 'hugepages-';
  return new Map(
    [...amounts]
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, amount]) => [Number(quantityValue(name.slice(prefix.length))), Number(amount)]),
  );
}
