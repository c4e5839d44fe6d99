/** What a host and its control groups were read to use. Bytes and counts; undefined: not told. */
import type { FsUsage } from './link.ts';

export interface UsageQuery {
  /** default: /sys/fs/cgroup */
  readonly cgroupMount?: string;
  /** brief: processor and memory; full: everything */
  readonly detail: 'brief' | 'full';
  /** what groups are held to as well, which changes seldom */
  readonly limits: boolean;
  /** groups, and those directly in them whose names end in these ids; paths from the hierarchy's root */
  readonly parents: readonly { readonly path: string; readonly ids: readonly string[] }[];
  /** paths of single groups, read if they are there */
  readonly groups: readonly string[];
  /**
   * Ids that the names of groups end in: of these only the brief is read, and, in full, the network of their
   * first process.
   */
  readonly sandboxes: readonly string[];
  /** absolute paths on file systems to measure */
  readonly fileSystems: readonly string[];
}

/** A line of pressure stall information: percentages, and microseconds since boot. */
export interface Stall {
  readonly avg10: number;
  readonly avg60: number;
  readonly avg300: number;
  readonly totalMicros: number;
}

export interface Pressure {
  readonly some: Stall;
  readonly full: Stall;
}

export interface DiskIo {
  /** major:minor */
  readonly device: string;
  readonly readBytes: number;
  readonly writeBytes: number;
  readonly reads: number;
  readonly writes: number;
}

/** A device of the machine's (Documentation/admin-guide/iostats.rst). */
export interface DeviceIo extends DiskIo {
  readonly readsMerged: number;
  readonly writesMerged: number;
  readonly readMs: number;
  readonly writeMs: number;
  readonly inProgress: number;
  readonly busyMs: number;
  readonly weightedMs: number;
}

export interface InterfaceUse {
  readonly name: string;
  readonly rxBytes: number;
  readonly rxPackets?: number;
  readonly rxErrors: number;
  readonly rxDropped?: number;
  readonly txBytes: number;
  readonly txPackets?: number;
  readonly txErrors: number;
  readonly txDropped?: number;
}

/** What a group is held to; a limit that is undefined is none, or not known. */
export interface GroupLimits {
  readonly cpuQuotaMicros?: number | undefined;
  readonly cpuPeriodMicros?: number | undefined;
  readonly cpuShares?: number | undefined;
  readonly memoryLimitBytes?: number | undefined;
  readonly memoryReservationBytes?: number | undefined;
  /** of swap alone */
  readonly swapLimitBytes?: number | undefined;
  readonly maxThreads?: number | undefined;
}

export interface GroupUse extends GroupLimits {
  readonly processes?: number | undefined;
  readonly threads?: number | undefined;
  readonly cpuNanos?: number | undefined;
  readonly userNanos?: number | undefined;
  readonly systemNanos?: number | undefined;
  readonly periods?: number | undefined;
  readonly throttledPeriods?: number | undefined;
  readonly throttledNanos?: number | undefined;
  readonly memoryBytes?: number | undefined;
  /** used, and not just files that were not read for long */
  readonly workingSetBytes?: number | undefined;
  readonly peakMemoryBytes?: number | undefined;
  readonly rssBytes?: number | undefined;
  readonly cacheBytes?: number | undefined;
  readonly kernelBytes?: number | undefined;
  readonly mappedFileBytes?: number | undefined;
  readonly activeFileBytes?: number | undefined;
  readonly inactiveFileBytes?: number | undefined;
  readonly swapBytes?: number | undefined;
  readonly pageFaults?: number | undefined;
  readonly majorPageFaults?: number | undefined;
  /** how often its memory limit was hit */
  readonly limitHits?: number | undefined;
  readonly oomKills?: number | undefined;
  readonly cpuPressure?: Pressure | undefined;
  readonly memoryPressure?: Pressure | undefined;
  readonly ioPressure?: Pressure | undefined;
  readonly disks?: readonly (DiskIo | DeviceIo)[] | undefined;
}

export interface HostUsage {
  /** seconds since the host has booted, when it was read */
  readonly uptime: number;
  readonly cgroupVersion: 1 | 2;
  /** by path from the hierarchy's root; '' is the root */
  readonly groups: ReadonlyMap<string, GroupUse>;
  /** by path, of groups that were named as sandboxes */
  readonly networks: ReadonlyMap<string, readonly InterfaceUse[]>;
  readonly machine: MachineUse;
  /** in the order of the query; undefined where nothing is */
  readonly fileSystems: readonly (FsUsage | undefined)[];
  /** there was more than is read at once */
  readonly isCut: boolean;
}

/** The host as a whole. */
export interface MachineUse {
  /** seconds since the epoch, by the host's clock */
  readonly bootTime?: number | undefined;
  readonly cpuNanos?: number | undefined;
  readonly userNanos?: number | undefined;
  readonly systemNanos?: number | undefined;
  readonly memoryTotalBytes?: number | undefined;
  readonly memoryFreeBytes?: number | undefined;
  readonly activeFileBytes?: number | undefined;
  readonly inactiveFileBytes?: number | undefined;
  readonly anonymousBytes?: number | undefined;
  readonly cacheBytes?: number | undefined;
  readonly mappedFileBytes?: number | undefined;
  readonly swapTotalBytes?: number | undefined;
  readonly swapFreeBytes?: number | undefined;
  readonly pageFaults?: number | undefined;
  readonly majorPageFaults?: number | undefined;
  readonly processes?: number | undefined;
  readonly maxProcesses?: number | undefined;
  readonly interfaces: readonly InterfaceUse[];
  readonly cpuPressure?: Pressure | undefined;
  readonly memoryPressure?: Pressure | undefined;
  readonly ioPressure?: Pressure | undefined;
  /** names of devices by major:minor, as sda1 */
  readonly devices: ReadonlyMap<string, string>;
  /** of those that were ever used, but for loops and the like */
  readonly disks: readonly DeviceIo[];
}
