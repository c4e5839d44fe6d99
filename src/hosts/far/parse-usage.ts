/**
 * What usage-program.ts has read, as numbers. A line that is not as it should be is left out: what is in
 * kernel files of a far host is not believed. Pure.
 */
import type {
  DeviceIo,
  DiskIo,
  GroupUse,
  HostUsage,
  InterfaceUse,
  MachineUse,
  Pressure,
  Stall,
} from '../link/host-usage.ts';
import { LINE, UPTIME, usageColumns } from './usage-program.ts';

/** The kernel's clock ticks as user space sees them. */
const TICK_NANOS = 10_000_000;
/** What cgroups v1 say of a limit that is none: the largest whole number of pages. */
const NO_LIMIT = 2 ** 62;
const MICRO = 1000;
const KIB = 1024;

type Reading = Omit<HostUsage, 'fileSystems'>;

/** Groups that are read between two turns of the event loop: a millisecond or two. */
const GROUPS = 16;

/**
 * `rest`: what is behind it. In pieces, for there may be thousands of groups. Throws if the answer is not
 * whole.
 */
export function* parseUsageAnswer(
  payload: Buffer,
): Generator<undefined, { readonly usage: Reading; readonly rest: Buffer }> {
  const end = payload.subarray(0, 2).equals(Buffer.from('E\n')) ? 0 : payload.indexOf('\nE\n') + 1;
  const lines = payload.toString('utf8', 0, end).split('\n');
  const version = lines[0] === 'V2' ? 2 : lines[0] === 'V1' ? 1 : undefined;
  if (end === 0 || version === undefined) throw new Error('the answer to what a host uses is not whole');
  const groups = new Map<string, GroupUse>();
  const networks = new Map<string, readonly InterfaceUse[]>();
  const files = new Map<string, string>();
  let isCut = false;
  for (const line of lines) {
    const [kind, name = '', ...columns] = line.split('\t');
    if (kind === 'G' && columns.length === usageColumns[version].length) {
      groups.set(name, version === 2 ? groupOfV2(columns) : groupOfV1(columns));
      if (groups.size % GROUPS === 0) yield;
    } else if (kind === 'N') networks.set(name, interfaces((columns[0] ?? '').split(';')));
    else if (kind === 'T') files.set(name, columns.join('\t'));
    else if (kind === 'X') isCut = true;
  }
  const uptime = Number(/^\d+(\.\d+)?/.exec(files.get(UPTIME) ?? '')?.[0] ?? NaN);
  if (Number.isNaN(uptime)) throw new Error(`the host does not report its uptime in ${UPTIME}`);
  return {
    usage: { uptime, cgroupVersion: version, groups, networks, machine: machine(files), isCut },
    rest: payload.subarray(end + 2),
  };
}

/** How many keys of memory.stat come first, the same for both versions, in the order of usage-program.ts. */
const MEMORY_KEYS = 7;

function memoryOf(memory: string | undefined, memoryStat: string | undefined): GroupUse {
  const memoryBytes = count(memory);
  const [rss, cache, mapped, inactive, active, faults, majorFaults] = counts(memoryStat);
  return {
    memoryBytes,
    workingSetBytes: workingSet(memoryBytes, inactive),
    rssBytes: rss,
    cacheBytes: cache,
    mappedFileBytes: mapped,
    inactiveFileBytes: inactive,
    activeFileBytes: active,
    pageFaults: faults,
    majorPageFaults: majorFaults,
  };
}

function groupOfV1(columns: readonly string[]): GroupUse {
  const [procs, cpu, user, system, stat, quota, period, shares, memory, memoryStat, ...more] = columns;
  const [peak, kernel, hits, oom, limit, reservation, memsw, threads, maxThreads, bytes, operations] = more;
  const [periods, throttled, throttledNanos] = counts(stat);
  const [swap] = counts(memoryStat).slice(MEMORY_KEYS);
  const memoryLimitBytes = limited(limit);
  const both = limited(memsw);
  return {
    processes: counts(procs)[0],
    cpuNanos: count(cpu),
    userNanos: count(user),
    systemNanos: count(system),
    periods,
    throttledPeriods: throttled,
    throttledNanos,
    cpuQuotaMicros: count(quota),
    cpuPeriodMicros: count(period),
    cpuShares: count(shares),
    ...memoryOf(memory, memoryStat),
    swapBytes: swap,
    peakMemoryBytes: count(peak),
    kernelBytes: limited(kernel),
    limitHits: count(hits),
    oomKills: counts(oom)[0],
    memoryLimitBytes,
    memoryReservationBytes: limited(reservation),
    swapLimitBytes:
      both === undefined || memoryLimitBytes === undefined ? undefined : Math.max(0, both - memoryLimitBytes),
    threads: count(threads),
    maxThreads: count(maxThreads),
    disks: disksOfV1(bytes, operations),
  };
}

function groupOfV2(columns: readonly string[]): GroupUse {
  const [procs, stat, cpuMax, weight, memory, memoryStat, swap, peak, events, limit, ...more] = columns;
  const [reservation, swapLimit, threads, maxThreads, cpuPsi, memoryPsi, ioPsi, io] = more;
  const [usage, user, system, periods, throttled, throttledMicros] = counts(stat);
  const [kernel] = counts(memoryStat).slice(MEMORY_KEYS);
  const [hits, oom] = counts(events);
  const [quota, period] = counts(cpuMax);
  return {
    processes: counts(procs)[0],
    cpuNanos: times(usage, MICRO),
    userNanos: times(user, MICRO),
    systemNanos: times(system, MICRO),
    periods,
    throttledPeriods: throttled,
    throttledNanos: times(throttledMicros, MICRO),
    cpuQuotaMicros: quota,
    cpuPeriodMicros: period,
    cpuShares: sharesOfWeight(count(weight)),
    ...memoryOf(memory, memoryStat),
    kernelBytes: kernel,
    swapBytes: count(swap),
    peakMemoryBytes: count(peak),
    limitHits: hits,
    oomKills: oom,
    memoryLimitBytes: limited(limit),
    memoryReservationBytes: limited(reservation),
    swapLimitBytes: limited(swapLimit),
    threads: count(threads),
    maxThreads: count(maxThreads),
    cpuPressure: pressure(cpuPsi, ';'),
    memoryPressure: pressure(memoryPsi, ';'),
    ioPressure: pressure(ioPsi, ';'),
    disks: disksOfV2(io),
  };
}

function machine(files: ReadonlyMap<string, string>): MachineUse {
  const lines = (path: string): string[] => (files.get(path) ?? '').split(LINE);
  const named = (path: string): Map<string, number> =>
    new Map(
      lines(path).flatMap((line): [string, number][] => {
        const [name = '', value] = line.split(' ');
        const found = count(value);
        return found === undefined ? [] : [[name.replace(/:$/, ''), found]];
      }),
    );
  const memory = named('/proc/meminfo');
  const kib = (name: string): number | undefined => times(memory.get(name), KIB);
  const events = named('/proc/vmstat');
  const cpu = lines('/proc/stat').find((line) => line.startsWith('cpu '));
  const [user, nice, system, , , irq, softirq, steal] = counts(cpu?.slice('cpu '.length));
  const ticks = (...parts: readonly (number | undefined)[]): number | undefined =>
    parts.includes(undefined)
      ? undefined
      : parts.reduce<number>((sum, each) => sum + (each ?? 0) * TICK_NANOS, 0);
  return {
    bootTime: named('/proc/stat').get('btime'),
    cpuNanos: ticks(user, nice, system, irq, softirq, steal),
    userNanos: ticks(user, nice),
    systemNanos: ticks(system, irq, softirq),
    memoryTotalBytes: kib('MemTotal'),
    memoryFreeBytes: kib('MemFree'),
    activeFileBytes: kib('Active(file)'),
    inactiveFileBytes: kib('Inactive(file)'),
    anonymousBytes: kib('AnonPages'),
    cacheBytes: kib('Cached'),
    mappedFileBytes: kib('Mapped'),
    swapTotalBytes: kib('SwapTotal'),
    swapFreeBytes: kib('SwapFree'),
    pageFaults: events.get('pgfault'),
    majorPageFaults: events.get('pgmajfault'),
    processes: count(/ \d+\/(\d+) /.exec(files.get('/proc/loadavg') ?? '')?.[1]),
    maxProcesses: count(files.get('/proc/sys/kernel/pid_max')),
    interfaces: interfaces(lines('/proc/net/dev')),
    cpuPressure: pressure(files.get('/proc/pressure/cpu'), LINE),
    memoryPressure: pressure(files.get('/proc/pressure/memory'), LINE),
    ioPressure: pressure(files.get('/proc/pressure/io'), LINE),
    devices: devices(lines('/proc/diskstats')),
    disks: machineDisks(lines('/proc/diskstats')),
  };
}

/** A whole number; undefined for anything else, as `-` and `max`. */
function count(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,20}$/.test(text.trim()) ? Number(text) : undefined;
}

function counts(text: string | undefined): (number | undefined)[] {
  return (text ?? '').trim().split(' ').map(count);
}

function times(value: number | undefined, factor: number): number | undefined {
  return value === undefined ? undefined : value * factor;
}

function limited(text: string | undefined): number | undefined {
  const bytes = count(text);
  return bytes === undefined || bytes > NO_LIMIT ? undefined : bytes;
}

/** cAdvisor's: what could be given back at once does not count. */
function workingSet(used: number | undefined, inactive: number | undefined): number | undefined {
  return used === undefined || inactive === undefined ? undefined : Math.max(0, used - inactive);
}

/** Back from what runc makes of shares (opencontainers/cgroups ConvertCPUSharesToCgroupV2Value). */
function sharesOfWeight(weight: number | undefined): number | undefined {
  return weight === undefined ? undefined : Math.trunc(2 + ((weight - 1) * 262_142) / 9999);
}

/** Lines of /proc/net/dev; its two first are titles. */
function interfaces(lines: readonly string[]): InterfaceUse[] {
  return lines.flatMap((line) => {
    const at = line.lastIndexOf(':');
    const name = line.slice(0, Math.max(0, at)).trim();
    const [rxBytes, rxPackets, rxErrors, rxDropped, , , , , txBytes, txPackets, txErrors, txDropped] = counts(
      line.slice(at + 1),
    );
    if (name === '' || rxBytes === undefined || rxPackets === undefined || rxErrors === undefined) return [];
    if (rxDropped === undefined || txBytes === undefined || txPackets === undefined) return [];
    if (txErrors === undefined || txDropped === undefined) return [];
    return [{ name, rxBytes, rxPackets, rxErrors, rxDropped, txBytes, txPackets, txErrors, txDropped }];
  });
}

function pressure(text: string | undefined, between: string): Pressure | undefined {
  const stalls = new Map(
    (text ?? '').split(between).flatMap((line): [string, Stall][] => {
      const found = /^(some|full) avg10=(\d+\.\d+) avg60=(\d+\.\d+) avg300=(\d+\.\d+) total=(\d{1,20})$/.exec(
        line,
      );
      const [, name = '', avg10, avg60, avg300, total] = found ?? [];
      if (found === null) return [];
      return [
        [
          name,
          {
            avg10: Number(avg10),
            avg60: Number(avg60),
            avg300: Number(avg300),
            totalMicros: Number(total),
          },
        ],
      ];
    }),
  );
  const some = stalls.get('some');
  if (some === undefined) return undefined;
  // older kernels have no full line for processors, of which it is 0
  return { some, full: stalls.get('full') ?? { avg10: 0, avg60: 0, avg300: 0, totalMicros: 0 } };
}

function disksOfV1(bytes: string | undefined, operations: string | undefined): DiskIo[] | undefined {
  if (bytes === undefined || bytes === '-') return undefined;
  const byDevice = (text: string): Map<string, { read: number; write: number }> => {
    const found = new Map<string, { read: number; write: number }>();
    for (const line of text.split(';')) {
      const [, device = '', what, value] = /^(\d+:\d+) (Read|Write) (\d{1,20})$/.exec(line) ?? [];
      if (device === '') continue;
      const known = found.get(device) ?? { read: 0, write: 0 };
      found.set(device, { ...known, [what === 'Read' ? 'read' : 'write']: Number(value) });
    }
    return found;
  };
  const done = byDevice(operations ?? '');
  return [...byDevice(bytes)].map(([device, { read, write }]) => ({
    device,
    readBytes: read,
    writeBytes: write,
    reads: done.get(device)?.read ?? 0,
    writes: done.get(device)?.write ?? 0,
  }));
}

function disksOfV2(text: string | undefined): DiskIo[] | undefined {
  if (text === undefined || text === '-') return undefined;
  return text.split(';').flatMap((line) => {
    const [, device, readBytes, writeBytes, reads, writes] =
      /^(\d+:\d+) rbytes=(\d{1,20}) wbytes=(\d{1,20}) rios=(\d{1,20}) wios=(\d{1,20})/.exec(line) ?? [];
    if (device === undefined) return [];
    return [
      {
        device,
        readBytes: Number(readBytes),
        writeBytes: Number(writeBytes),
        reads: Number(reads),
        writes: Number(writes),
      },
    ];
  });
}

function devices(lines: readonly string[]): Map<string, string> {
  return new Map(
    lines.flatMap((line): [string, string][] => {
      const [, major, minor, name] = /^ ?(\d+) (\d+) (\S{1,64}) /.exec(line) ?? [];
      return major === undefined || minor === undefined || name === undefined
        ? []
        : [[`${major}:${minor}`, name]];
    }),
  );
}

/** The kernel's, whatever the device's own. */
const SECTOR = 512;
const DISKSTATS_FIELDS = 11;

function machineDisks(lines: readonly string[]): DeviceIo[] {
  return lines.flatMap((line) => {
    const [major, minor, name = '', ...rest] = line.trim().split(' ');
    const fields = rest.slice(0, DISKSTATS_FIELDS).flatMap((each) => count(each) ?? []);
    if (fields.length < DISKSTATS_FIELDS || /^(loop|ram|zram)\d/.test(name)) return [];
    const [reads = 0, readsMerged = 0, sectorsRead = 0, readMs = 0, writes = 0, ...more] = fields;
    const [writesMerged = 0, sectorsWritten = 0, writeMs = 0, inProgress = 0, busyMs = 0, weightedMs = 0] =
      more;
    if (reads + writes === 0) return [];
    return [
      {
        device: `${major}:${minor}`,
        readBytes: sectorsRead * SECTOR,
        writeBytes: sectorsWritten * SECTOR,
        reads,
        writes,
        readsMerged,
        writesMerged,
        readMs,
        writeMs,
        inProgress,
        busyMs,
        weightedMs,
      },
    ];
  });
}
