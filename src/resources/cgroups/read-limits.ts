/**
 * What a group is limited to now, read from the host (GetCgroupConfig in
 * pkg/kubelet/cm/cgroup_v1|v2_manager_linux.go).
 */
import type { HostFiles } from '../../hosts/link/link.ts';
import type { CgroupName } from './cgroup-name.ts';
import { cgroupFile, type CgroupPlace } from './cgroup-ops.ts';
import { sharesOfWeight } from './cpu-weight.ts';

export interface CurrentLimits {
  readonly cpuShares: number;
  /** -1: no limit */
  readonly cpuQuota: number;
  readonly cpuPeriod: number;
  /** Number.MAX_SAFE_INTEGER: no limit */
  readonly memoryBytes: number;
  readonly memoryUsedBytes: number;
}

const maxBytes = 4096;

/** Rejects with HostError `not-found` where the group is not. */
export async function readLimits(
  files: Pick<HostFiles, 'readFile'>,
  { name, place }: { name: CgroupName; place: Pick<CgroupPlace, 'layout' | 'driver'> },
  { signal }: { signal: AbortSignal },
): Promise<CurrentLimits> {
  const read = async (controller: string, file: string): Promise<string> => {
    const path = cgroupFile(name, { controller, file }, place);
    return (await files.readFile(path, { signal, maxBytes })).toString().trim();
  };
  if (place.layout.version === 2) {
    const [weight, max, memory, used] = await Promise.all([
      read('cpu', 'cpu.weight'),
      read('cpu', 'cpu.max'),
      read('memory', 'memory.max'),
      read('memory', 'memory.current'),
    ]);
    return parseV2({ weight, max, memory, used });
  }
  const [shares, quota, period, memory, used] = await Promise.all([
    read('cpu', 'cpu.shares'),
    read('cpu', 'cpu.cfs_quota_us'),
    read('cpu', 'cpu.cfs_period_us'),
    read('memory', 'memory.limit_in_bytes'),
    read('memory', 'memory.usage_in_bytes'),
  ]);
  return {
    cpuShares: Number(shares),
    cpuQuota: Number(quota),
    cpuPeriod: Number(period),
    memoryBytes: bytes(memory),
    memoryUsedBytes: bytes(used),
  };
}

function parseV2(text: { weight: string; max: string; memory: string; used: string }): CurrentLimits {
  const [quota = 'max', period = '100000'] = text.max.split(' ');
  return {
    cpuShares: sharesOfWeight(Number(text.weight)),
    cpuQuota: quota === 'max' ? -1 : Number(quota),
    cpuPeriod: Number(period),
    memoryBytes: bytes(text.memory),
    memoryUsedBytes: bytes(text.used),
  };
}

/** The kernel's own greatest number means none, as `max` does. */
function bytes(text: string): number {
  const value = text === 'max' ? Number.MAX_SAFE_INTEGER : Number(text);
  return Math.min(value, Number.MAX_SAFE_INTEGER);
}
