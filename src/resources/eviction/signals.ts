/** What eviction signals mean (pkg/kubelet/eviction/helpers.go) and how they are read off a host. Pure. */
import type { DiskLayout } from '../../hosts/disk-layout-reader.ts';
import type { HostAnswer, HostQuery } from '../../hosts/link/link.ts';
import type { EvictionSignal } from '../../model/eviction-thresholds.ts';
import type { NodePressure } from '../../model/node-info.ts';

/** The resource that is short, as messages name it. */
export type StarvedResource = 'memory' | 'ephemeral-storage' | 'inodes' | 'pids';

export interface Observation {
  readonly available: number;
  readonly capacity: number;
}
export type Observations = ReadonlyMap<EvictionSignal, Observation>;

export function resourceOf(signal: EvictionSignal): StarvedResource {
  if (signal === 'memory.available') return 'memory';
  if (signal === 'pid.available') return 'pids';
  return signal.endsWith('.inodesFree') ? 'inodes' : 'ephemeral-storage';
}

export function pressureOf(signal: EvictionSignal): NodePressure {
  if (signal === 'memory.available') return 'MemoryPressure';
  return signal === 'pid.available' ? 'PIDPressure' : 'DiskPressure';
}

/** What to look at, in the order that signalsFrom takes the answers. */
export function signalQueries({ rootDir, imageFs }: Pick<DiskLayout, 'rootDir' | 'imageFs'>): HostQuery[] {
  return [
    ...['/proc/meminfo', '/proc/loadavg', '/proc/sys/kernel/pid_max', '/proc/sys/kernel/threads-max'].map(
      (path): HostQuery => ({ look: 'text', path }),
    ),
    { look: 'usage', path: rootDir },
    ...(imageFs === undefined ? [] : [{ look: 'usage', path: imageFs } as const]),
  ];
}

/** Signals that the host does not tell are left out: what is unknown is no shortage. */
export function signalsFrom(
  answers: readonly HostAnswer[],
  { split }: Pick<DiskLayout, 'split'>,
): Observations {
  const [meminfo, loadavg, pidMax, threadsMax, node, image = node] = answers;
  const container = split ? node : image;
  const found: [EvictionSignal, Observation | undefined][] = [
    ['memory.available', memory(meminfo?.text)],
    ['pid.available', pids(loadavg?.text, [pidMax?.text, threadsMax?.text])],
    ...fileSystem('nodefs', node),
    ...fileSystem('imagefs', image),
    ...fileSystem('containerfs', container),
  ];
  return new Map(found.filter((entry): entry is [EvictionSignal, Observation] => entry[1] !== undefined));
}

function fileSystem(
  name: 'nodefs' | 'imagefs' | 'containerfs',
  answer: HostAnswer | undefined,
): [EvictionSignal, Observation | undefined][] {
  const usage = answer?.usage;
  if (usage === undefined) return [];
  return [
    [`${name}.available`, { available: usage.availableBytes, capacity: usage.capacityBytes }],
    // some file systems (btrfs) have no fixed number of inodes
    [
      `${name}.inodesFree`,
      usage.inodes === 0 ? undefined : { available: usage.inodesFree, capacity: usage.inodes },
    ],
  ];
}

const memoryLines = [/^MemTotal:\s+(\d+) kB/m, /^MemFree:\s+(\d+) kB/m, /^Inactive\(file\):\s+(\d+) kB/m];

/**
 * What is left of memory as a kubelet counts: all of it less the working set, which is what is in use without
 * the file pages that the kernel would give up first (the root cgroup's usage less inactive_file).
 */
function memory(meminfo: string | undefined): Observation | undefined {
  const [capacity, free, inactive] = memoryLines.map((line) => {
    const kib = line.exec(meminfo ?? '')?.[1];
    return kib === undefined ? undefined : Number(kib) * 1024;
  });
  if (capacity === undefined || free === undefined || inactive === undefined) return undefined;
  return { available: Math.min(capacity, free + inactive), capacity };
}

/** The fourth field of loadavg counts threads, each of which has a pid. */
function pids(loadavg: string | undefined, limits: readonly (string | undefined)[]): Observation | undefined {
  const running = Number(loadavg?.split(' ')[3]?.split('/')[1]);
  const known = limits.map((text) => Number(text)).filter((limit) => limit > 0);
  if (Number.isNaN(running) || known.length === 0) return undefined;
  const capacity = Math.min(...known);
  return { available: capacity - running, capacity };
}
