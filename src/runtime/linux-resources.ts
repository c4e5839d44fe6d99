/**
 * cgroup settings of sandboxes and containers: kuberuntime_container_linux.go, kuberuntime_sandbox_linux.go,
 * cm/helpers_linux.go. Swap is always denied (the kubelet's NoSwap); CPU sets and memory.min/high are not used.
 */
import type { LinuxContainerResources } from '../cri/generated/runtime/v1/LinuxContainerResources.ts';
import type { Container, Pod } from '../model/kube.ts';
import { isPositive, quantityMilli, quantityValue } from '../model/quantity.ts';
import { oomScoreAdj } from './oom-score.ts';
import { podTotal } from '../model/pod-total.ts';
import type { LinuxHost, RuntimeSettings } from './settings.ts';

const minShares = 2;
const maxShares = 262_144;
const minQuota = 1000;

export type CfsSettings = Pick<RuntimeSettings, 'cpuCFSQuota' | 'cpuCFSQuotaPeriod'>;

interface Amounts {
  /** milli CPUs; undefined without a request, then the limit counts */
  readonly cpuRequest: number | undefined;
  readonly cpuLimit: number;
  readonly memoryLimit: number;
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
      cpuLimit: podTotal(pod, 'limits', 'cpu') ?? 0,
      memoryLimit: podTotal(pod, 'limits', 'memory') ?? 0,
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
export function cpuShares(milliCpu: number): number {
  return Math.min(maxShares, Math.max(minShares, Math.floor((milliCpu * 1024) / 1000)));
}

/** Microseconds per period; 0 means no limit. */
export function cpuQuota(milliCpu: number, periodUs: number): number {
  return milliCpu === 0 ? 0 : Math.max(minQuota, Math.floor((milliCpu * periodUs) / 1000));
}

function resources(
  amounts: Amounts,
  { host, settings }: { host: LinuxHost; settings: CfsSettings },
): LinuxContainerResources {
  const period = settings.cpuCFSQuotaPeriod;
  return {
    cpu_shares: cpuShares(amounts.cpuRequest ?? amounts.cpuLimit),
    ...(amounts.memoryLimit === 0 ? {} : { memory_limit_in_bytes: amounts.memoryLimit }),
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

/** Every page size of the host is limited, to 0 unless asked for; the container's limit goes before the pod's. */
function hugePageLimits(
  pod: Pod,
  container: Container,
  host: LinuxHost,
): { page_size: string; limit: number }[] {
  const limits = new Map<string, number>();
  for (const list of [pod.spec.resources?.limits, container.resources?.limits]) {
    for (const [resource, amount] of Object.entries(list ?? {})) {
      if (resource.startsWith('hugepages-'))
        limits.set(pageSizeName(resource.slice('hugepages-'.length)), quantityValue(amount));
    }
  }
  return host.hugePageSizes.map((size) => ({ page_size: size, limit: limits.get(size) ?? 0 }));
}

function pageSizeName(quantity: string): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB', 'PB'];
  let size = quantityValue(quantity);
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size = Math.floor(size / 1024);
    unit += 1;
  }
  return `${size}${units[unit] ?? ''}`;
}
