/**
 * With the systemd driver a group is a slice. Its limits are written as a unit file that lasts until the next
 * boot, so that systemd, which makes the group again when the runtime starts a scope in it or is reloaded,
 * sets the same limits as farlet did by hand (systemd.slice(5), systemd.resource-control(5)). Pure.
 */
import type { FileOp } from '../../hosts/link/link.ts';
import { cgroupPath, type CgroupName } from './cgroup-name.ts';
import { cpuWeight } from './cpu-weight.ts';
import type { CgroupLimits } from './pod-limits.ts';

const folder = '/run/systemd/system';

export function sliceOps(name: CgroupName, limits: CgroupLimits, version: 1 | 2): FileOp[] {
  const unit = cgroupPath(name, 'systemd').split('/').at(-1) ?? '';
  const text = `[Unit]\nDescription=Kubernetes pods: ${name.join(' ')}\n\n[Slice]\n${settings(limits, version)
    .map((line) => `${line}\n`)
    .join('')}`;
  return [
    { op: 'mkdir', path: folder, mode: 0o755 },
    { op: 'write', path: `${folder}/${unit}`, data: Buffer.from(text), mode: 0o644 },
  ];
}

function settings(
  { cpuShares, cpuQuota, cpuPeriod, memoryBytes, pids }: CgroupLimits,
  version: 1 | 2,
): string[] {
  return [
    'CPUAccounting=yes',
    'MemoryAccounting=yes',
    'TasksAccounting=yes',
    ...(cpuShares === undefined
      ? []
      : [version === 2 ? `CPUWeight=${cpuWeight(cpuShares)}` : `CPUShares=${cpuShares}`]),
    ...(cpuQuota === undefined || cpuPeriod === undefined || cpuQuota <= 0
      ? []
      : [`CPUQuotaPeriodSec=${cpuPeriod}us`, `CPUQuota=${Math.ceil((cpuQuota * 100) / cpuPeriod)}%`]),
    ...(memoryBytes === undefined || memoryBytes === 0
      ? []
      : [`${version === 2 ? 'MemoryMax' : 'MemoryLimit'}=${memoryBytes}`]),
    ...(pids === undefined ? [] : [`TasksMax=${pids}`]),
  ];
}
