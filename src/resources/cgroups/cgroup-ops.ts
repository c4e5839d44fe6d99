/**
 * Control groups as steps on the host's files: what libcontainer's Apply and Set do for a kubelet. Pure.
 *
 * cpuset groups of v1 are left to the runtime, which fills them from their parents.
 */
import type { CgroupDriver } from '../../hosts/cri/cgroup-driver.ts';
import type { FileOp } from '../../hosts/link/link.ts';
import { cgroupMount, type CgroupLayout } from './cgroup-layout.ts';
import { cgroupPath, type CgroupName } from './cgroup-name.ts';
import { cpuWeight } from './cpu-weight.ts';
import type { CgroupLimits } from './pod-limits.ts';
import { sliceOps } from './slice-ops.ts';

export interface CgroupPlace {
  readonly layout: CgroupLayout;
  readonly driver: CgroupDriver;
  /** bytes of each page size of the host */
  readonly hugePageSizes: readonly number[];
}

const usedControllers = ['cpu', 'cpuacct', 'memory', 'pids', 'hugetlb', 'systemd'];
const v2Controllers = ['cpuset', 'cpu', 'memory', 'pids', 'hugetlb'];
const folderMode = 0o755;

/**
 * Makes the group, with those above it, and sets its limits. A group that is there keeps what is not named.
 */
export function createCgroup(name: CgroupName, limits: CgroupLimits, place: CgroupPlace): FileOp[] {
  return [
    ...(place.driver === 'systemd' ? sliceOps(name, limits, place.layout.version) : []),
    ...folders(name, place).map((path): FileOp => ({ op: 'mkdir', path, mode: folderMode })),
    ...delegation(name, place),
    ...setLimits(name, limits, place),
  ];
}

/** Changes an existing group. */
export function updateCgroup(name: CgroupName, limits: CgroupLimits, place: CgroupPlace): FileOp[] {
  return [
    ...(place.driver === 'systemd' ? sliceOps(name, limits, place.layout.version) : []),
    ...setLimits(name, limits, place),
  ];
}

/** Takes the group away in every hierarchy, with what the runtime made below it. */
export function removeCgroup(
  name: CgroupName,
  { layout, driver }: CgroupPlace,
  { kill = false }: { kill?: boolean } = {},
): FileOp[] {
  const path = cgroupPath(name, driver);
  const all =
    layout.version === 2 ? [cgroupMount] : layout.controllers.map((each) => `${cgroupMount}/${each}`);
  const unit: FileOp[] =
    driver === 'systemd'
      ? [{ op: 'remove', path: `/run/systemd/system/${path.split('/').at(-1) ?? ''}` }]
      : [];
  return [...all.map((mount): FileOp => ({ op: 'remove-cgroup', path: `${mount}${path}`, kill })), ...unit];
}

/** A file of the group in the hierarchy of its controller. */
export function cgroupFile(
  name: CgroupName,
  { controller, file }: { controller: string; file: string },
  { layout, driver }: Pick<CgroupPlace, 'layout' | 'driver'>,
): string {
  const mount = layout.version === 2 ? cgroupMount : `${cgroupMount}/${controller}`;
  return `${mount}${cgroupPath(name, driver)}/${file}`;
}

function folders(name: CgroupName, { layout, driver }: CgroupPlace): string[] {
  const path = cgroupPath(name, driver);
  if (layout.version === 2) return [`${cgroupMount}${path}`];
  return usedControllers
    .filter((controller) => layout.controllers.includes(controller))
    .map((controller) => `${cgroupMount}/${controller}${path}`);
}

/** On v2 every group hands its controllers down, or those below it have no limits to set. */
function delegation(name: CgroupName, { layout, driver }: CgroupPlace): FileOp[] {
  if (layout.version === 1) return [];
  const value = v2Controllers
    .filter((controller) => layout.controllers.includes(controller))
    .map((controller) => `+${controller}`)
    .join(' ');
  return name.map((_, depth): FileOp => {
    const above = depth === 0 ? '' : cgroupPath(name.slice(0, depth), driver);
    return { op: 'set', path: `${cgroupMount}${above}/cgroup.subtree_control`, value };
  });
}

function setLimits(name: CgroupName, limits: CgroupLimits, place: CgroupPlace): FileOp[] {
  const { layout } = place;
  const set = (controller: string, file: string, value: string | number): FileOp[] =>
    layout.controllers.includes(controller)
      ? [{ op: 'set', path: cgroupFile(name, { controller, file }, place), value: String(value) }]
      : [];
  const v2 = layout.version === 2;
  const { cpuShares, cpuQuota, cpuPeriod, memoryBytes, pids, hugePages } = limits;
  return [
    ...(cpuShares === undefined
      ? []
      : v2
        ? set('cpu', 'cpu.weight', cpuWeight(cpuShares))
        : set('cpu', 'cpu.shares', cpuShares)),
    ...cpuLimit({ cpuQuota, cpuPeriod, v2 }, set),
    ...(memoryBytes === undefined || memoryBytes === 0
      ? []
      : set('memory', v2 ? 'memory.max' : 'memory.limit_in_bytes', memoryBytes)),
    ...(pids === undefined ? [] : set('pids', 'pids.max', pids)),
    ...(hugePages === undefined
      ? []
      : place.hugePageSizes.flatMap((size) =>
          set(
            'hugetlb',
            `hugetlb.${pageSizeName(size)}.${v2 ? 'max' : 'limit_in_bytes'}`,
            hugePages.get(size) ?? 0,
          ),
        )),
  ];
}

function cpuLimit(
  { cpuQuota, cpuPeriod, v2 }: { cpuQuota: number | undefined; cpuPeriod: number | undefined; v2: boolean },
  set: (controller: string, file: string, value: string | number) => FileOp[],
): FileOp[] {
  if (cpuQuota === undefined || cpuPeriod === undefined) return [];
  if (v2) return set('cpu', 'cpu.max', `${cpuQuota > 0 ? cpuQuota : 'max'} ${cpuPeriod}`);
  return [
    ...set('cpu', 'cpu.cfs_period_us', cpuPeriod),
    ...set('cpu', 'cpu.cfs_quota_us', cpuQuota > 0 ? cpuQuota : -1),
  ];
}

function pageSizeName(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB'];
  let size = bytes;
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${size}${units[unit] ?? ''}`;
}
