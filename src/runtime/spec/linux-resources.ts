/**
 * cgroup settings of sandboxes and containers: kuberuntime_container_linux.go, kuberuntime_sandbox_linux.go,
 * cm/helpers_linux.go. Swap is always denied (the kubelet's NoSwap); CPU sets and memory.min/high are not
 * used.
 */
import type { LinuxContainerResources } from '../../hosts/cri/generated/runtime/v1/LinuxContainerResources.ts';
import type { Container, Pod } from '../../model/kube.ts';
import { isPositive, quantityMilli, quantityValue } from '../../model/quantity-text.ts';
import { oomScoreAdj } from './oom-score.ts';
import { podTotal } from '../../model/pod-requests.ts';
import type { LinuxHost, RuntimeSettings } from './runtime-settings.ts';

const minShares = 2;
const maxShares = 262_144;
const minQuota = 1000;

export type CfsSettings = Pick<RuntimeSettings, 'cpuCFSQuota' | 'cpuCFSQuotaPeriod'>;

interface Amounts {
  /** milli CPUs; undefined without a request, then the limit counts */
  readonly cpuRequest: bigint | undefined;
  readonly cpuLimit: bigint;
  readonly memoryLimit: bigint;
}

export function containerResources(
  pod: Pod,
  container: Container,
  { host, settings }: { host: LinuxHost; settings: CfsSettings },
): LinuxContainerResources {
  const request = container.resources?.requests?.cpu;
  const base = resources(
    {
      cpuRequest: request === undefined ? undefined : quantityMilli(request),
      cpuLimit: quantityMilli(limit(pod, container, 'cpu')),
      memoryLimit: quantityValue(limit(pod, container, 'memory')),
    },
    { host, settings },
  );
  return {
    ...withoutSwap(base, host),
    oom_score_adj: oomScoreAdj(pod, container, host.memoryCapacityBytes),
    hugepage_limits: hugePageLimits(pod, container, host),
  };
}

/** The whole pod's, without overhead. */
export function sandboxResources(
  pod: Pod,
  context: { host: LinuxHost; settings: CfsSettings },
): LinuxContainerResources {
  return resources(
    {
      cpuRequest: podTotal(pod, 'requests', 'cpu'),
      cpuLimit: podTotal(pod, 'limits', 'cpu') ?? 0n,
      memoryLimit: podTotal(pod, 'limits', 'memory') ?? 0n,
    },
    context,
  );
}

/** Overhead counts as both request and limit. */
export function overheadResources(
  pod: Pod,
  context: { host: LinuxHost; settings: CfsSettings },
): LinuxContainerResources {
  const overhead = pod.spec.overhead;
  if (overhead === undefined) return {};
  const cpu = quantityMilli(overhead.cpu);
  return resources({ cpuRequest: cpu, cpuLimit: cpu, memoryLimit: quantityValue(overhead.memory) }, context);
}

/** 1024 shares per CPU. */
export function cpuShares(milliCpu: bigint): number {
  return Math.min(maxShares, Math.max(minShares, Number((milliCpu * 1024n) / 1000n)));
}

/** An int64 as the CRI's client takes it: text where a number would not be exact. */
export function int64(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}

/** Microseconds per period; 0 means no limit. */
export function cpuQuota(milliCpu: bigint, periodUs: number): number {
  return milliCpu === 0n ? 0 : Math.max(minQuota, Number((milliCpu * BigInt(periodUs)) / 1000n));
}

function resources(
  amounts: Amounts,
  { host, settings }: { host: LinuxHost; settings: CfsSettings },
): LinuxContainerResources {
  const period = settings.cpuCFSQuotaPeriod;
  return {
    cpu_shares: cpuShares(amounts.cpuRequest ?? amounts.cpuLimit),
    ...(amounts.memoryLimit === 0n ? {} : { memory_limit_in_bytes: int64(amounts.memoryLimit) }),
    ...(settings.cpuCFSQuota ? { cpu_period: period, cpu_quota: cpuQuota(amounts.cpuLimit, period) } : {}),
    // an out-of-memory kill takes the whole container: half a container is worse than none
    ...(host.cgroupVersion === 2 ? { unified: { 'memory.oom.group': '1' } } : {}),
  };
}

/** A container without its own limit has the pod's. */
function limit(pod: Pod, container: Container, resource: 'cpu' | 'memory'): string | undefined {
  const own = container.resources?.limits?.[resource];
  return isPositive(own) ? own : (pod.spec.resources?.limits?.[resource] ?? own);
}

function withoutSwap(base: LinuxContainerResources, host: LinuxHost): LinuxContainerResources {
  if (!host.swapController) return base;
  if (host.cgroupVersion === 2) return { ...base, unified: { ...base.unified, 'memory.swap.max': '0' } };
  return base.memory_limit_in_bytes === undefined
    ? base
    : { ...base, memory_swap_limit_in_bytes: base.memory_limit_in_bytes };
}

/**
 * Every page size of the host is limited, to 0 unless asked for; the container's limit goes before the pod's.
 */
function hugePageLimits(
  pod: Pod,
  container: Container,
  host: LinuxHost,
): { page_size: string; limit: number | string }[] {
  const limits = new Map<string, bigint>();
  for (const list of [pod.spec.resources?.limits, container.resources?.limits]) {
    for (const [resource, amount] of Object.entries(list ?? {})) {
      if (resource.startsWith('hugepages-'))
        limits.set(pageSizeName(resource.slice('hugepages-'.length)), quantityValue(amount));
    }
  }
  return host.hugePageSizes.map((size) => ({ page_size: size, limit: int64(limits.get(size) ?? 0n) }));
}

function pageSizeName(quantity: string): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB', 'PB'];
  let size = quantityValue(quantity);
  let unit = 0;
  while (size >= 1024n && unit < units.length - 1) {
    size /= 1024n;
    unit += 1;
  }
  return `${size}${units[unit] ?? ''}`;
}
