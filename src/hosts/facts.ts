/**
 * What a host is like, read from its /proc and /sys through its link. Parsers are pure; what is missing is
 * tolerated as a kubelet does.
 */
import { isNotFound, kindOf } from '../model/errors.ts';
import { hostAddresses } from './host-addresses.ts';
import type { FsUsage, HostFiles } from './link/link.ts';
import { allOf } from '../util/all-of.ts';

export interface HostFacts {
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly memoryAvailableBytes: number;
  readonly swapBytes: number;
  /** kibibytes of each huge page size → pages of it */
  readonly hugePages: ReadonlyMap<number, number>;
  readonly machineID: string;
  readonly systemUUID: string;
  readonly bootID: string;
  readonly kernelVersion: string;
  readonly osImage: string;
  /** as Go names it: amd64, arm64 */
  readonly architecture: string;
  readonly nodefs: FsUsage;
  readonly pidMax: number;
  readonly pids: number;
  readonly cgroupVersion: 1 | 2;
  readonly swapController: boolean;
  readonly selinux: boolean;
  readonly appArmor: boolean;
  /** CPUs with a thermal_throttle folder, which containers must not see */
  readonly thermalThrottleCpus: readonly number[];
  /** that others reach it by, at most one a family, the main one first; empty: it does not tell */
  readonly addresses: readonly string[];
}

interface Look {
  readonly signal: AbortSignal;
}

/**
 * Everything at once: one batch of independent reads, which is one round trip to a far host. `rootDir`
 * decides which file system counts as nodefs. With `known`, what a host only gets by booting (the sizes of
 * huge pages, CPUs) is not listed again while the boot id is the same.
 */
export async function readHostFacts(
  files: HostFiles,
  rootDir: string,
  { signal, known }: Look & { readonly known?: HostFacts | undefined },
): Promise<HostFacts> {
  const facts = factsOf(await lookAtHost(files, rootDir, { signal, known }));
  if (known === undefined || known.bootID === facts.bootID) return facts;
  return factsOf(await lookAtHost(files, rootDir, { signal }));
}

/** Every question goes out at once. Files that are only looked for are read as whether they are there. */
function lookAtHost(
  files: HostFiles,
  rootDir: string,
  { signal, known }: Look & { readonly known?: HostFacts | undefined },
) {
  const text = (path: string): Promise<string> => readText(files, path, { signal });
  return allOf({
    meminfo: text('/proc/meminfo'),
    cpuinfo: text('/proc/cpuinfo'),
    machineID: text('/etc/machine-id'),
    systemUUID: text('/sys/class/dmi/id/product_uuid'),
    bootID: text('/proc/sys/kernel/random/boot_id'),
    kernel: text('/proc/sys/kernel/osrelease'),
    osRelease: text('/etc/os-release'),
    pidMax: text('/proc/sys/kernel/pid_max'),
    loadavg: text('/proc/loadavg'),
    nodefs: nearestUsage(files, rootDir, { signal }),
    hugePages:
      known === undefined
        ? readHugePages(files, { signal })
        : countHugePages(files, [...known.hugePages.keys()], { signal }),
    cgroup2: files.stat('/sys/fs/cgroup/cgroup.controllers', { signal }),
    memorySwap: files.stat('/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes', { signal }),
    selinux: files.stat('/sys/fs/selinux/enforce', { signal }),
    appArmor: text('/sys/module/apparmor/parameters/enabled'),
    thermalThrottleCpus: known?.thermalThrottleCpus ?? readThrottledCpus(files, { signal }),
    addresses: readHostAddresses(files, { signal }),
  });
}

/** Pure. */
function factsOf(found: Awaited<ReturnType<typeof lookAtHost>>): HostFacts {
  const { nodefs, hugePages, thermalThrottleCpus, addresses } = found;
  const memory = parseMeminfo(found.meminfo);
  const machineID = found.machineID.trim();
  return {
    cpus: countCpus(found.cpuinfo),
    memoryBytes: memory.total,
    memoryAvailableBytes: memory.available,
    swapBytes: memory.swap,
    hugePages,
    machineID,
    systemUUID: found.systemUUID.trim() || machineID,
    bootID: found.bootID.trim(),
    kernelVersion: found.kernel.trim(),
    osImage: parseOsRelease(found.osRelease),
    architecture: architectureOf(found.cpuinfo),
    nodefs,
    pidMax: Number(found.pidMax) || 0,
    pids: parseThreads(found.loadavg),
    cgroupVersion: found.cgroup2 === undefined ? 1 : 2,
    swapController: found.cgroup2 !== undefined || found.memorySwap !== undefined,
    selinux: found.selinux !== undefined,
    appArmor: found.appArmor.startsWith('Y'),
    thermalThrottleCpus,
    addresses,
  };
}

/** resolv.conf of the host, for pods with DNS policy Default. */
export interface ResolvConf {
  readonly servers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

export async function readResolvConf(files: HostFiles, path: string, options: Look): Promise<ResolvConf> {
  return parseResolvConf(await readText(files, path, options));
}

/**
 * The last `search` line counts, options add up, the last of a name counts; comments begin with # or ;
 * (resolv.conf(5), pkg/kubelet/network/dns/dns.go parseResolvConf).
 */
export function parseResolvConf(text: string): ResolvConf {
  const servers: string[] = [];
  let searches: string[] = [];
  const options = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line
      .replace(/[#;].*$/, '')
      .trim()
      .split(/\s+/);
    if (keyword === 'nameserver' && values[0] !== undefined) servers.push(values[0]);
    else if (keyword === 'search')
      searches = values.filter((each) => each !== '.').map((each) => each.replace(/\.$/, ''));
    else if (keyword === 'options')
      for (const option of values) options.set(option.split(':', 1)[0] ?? option, option);
  }
  return { servers, searches, options: [...options.values()] };
}

export function parseMeminfo(text: string): { total: number; available: number; swap: number } {
  const bytes = (key: string): number =>
    Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * 1024;
  return { total: bytes('MemTotal'), available: bytes('MemAvailable'), swap: bytes('SwapTotal') };
}

export function countCpus(cpuinfo: string): number {
  return cpuinfo.match(/^processor\s*:/gm)?.length ?? 0;
}

/** x86 tells its vendor, ARM its implementer; what tells neither is named unknown rather than guessed. */
export function architectureOf(cpuinfo: string): string {
  if (/^vendor_id\s*:/m.test(cpuinfo)) return 'amd64';
  if (/^CPU architecture\s*:\s*8/m.test(cpuinfo)) return 'arm64';
  if (/^CPU architecture\s*:/m.test(cpuinfo)) return 'arm';
  if (/^isa\s*:\s*rv64/m.test(cpuinfo)) return 'riscv64';
  return /^cpu\s*:\s*POWER/m.test(cpuinfo) ? 'ppc64le' : 'unknown';
}

export function parseOsRelease(text: string): string {
  return /^PRETTY_NAME="?([^"\n]*)"?/m.exec(text)?.[1] ?? 'Unknown';
}

/** /proc/loadavg's fourth field: running/total threads. */
export function parseThreads(loadavg: string): number {
  return Number(loadavg.split(' ')[3]?.split('/')[1] ?? 0);
}

const MAX_TEXT = 4 * 1024 * 1024;
const MAX_TABLE = 512 * 1024;
const HUGE_PAGES = '/sys/kernel/mm/hugepages';

async function readText(
  files: HostFiles,
  path: string,
  { signal, maxBytes = MAX_TEXT }: Look & { readonly maxBytes?: number },
): Promise<string> {
  try {
    return (await files.readFile(path, { signal, maxBytes })).toString();
  } catch (error) {
    if (isNotFound(error)) return '';
    throw error;
  }
}

/** A host that knows every route of the internet has tables too long to read, and does not tell. */
export async function readHostAddresses(files: HostFiles, { signal }: Look): Promise<string[]> {
  const table = async (name: string): Promise<string> => {
    try {
      return await readText(files, `/proc/net/${name}`, { signal, maxBytes: MAX_TABLE });
    } catch (error) {
      if (kindOf(error) === 'invalid') return '';
      throw error;
    }
  };
  const [route, fibTrie, ipv6Route, ifInet6] = await Promise.all(
    ['route', 'fib_trie', 'ipv6_route', 'if_inet6'].map(table),
  );
  return hostAddresses({
    route: route ?? '',
    fibTrie: fibTrie ?? '',
    ipv6Route: ipv6Route ?? '',
    ifInet6: ifInet6 ?? '',
  });
}

/** The root folder may not exist yet: its nearest existing ancestor is on the same file system. */
async function nearestUsage(files: HostFiles, path: string, { signal }: Look): Promise<FsUsage> {
  for (let at = path; ; at = at.slice(0, at.lastIndexOf('/')) || '/') {
    try {
      return await files.usage(at, { signal });
    } catch (error) {
      if (!isNotFound(error) || at === '/') throw error;
    }
  }
}

async function readHugePages(files: HostFiles, { signal }: Look): Promise<ReadonlyMap<number, number>> {
  const folders = (await files.list(HUGE_PAGES, { signal })) ?? [];
  const sizes = folders.map(({ name }) => Number(/^hugepages-(\d+)kB$/.exec(name)?.[1] ?? 0));
  return countHugePages(
    files,
    sizes.filter((size) => size > 0).sort((a, b) => a - b),
    { signal },
  );
}

async function countHugePages(
  files: HostFiles,
  sizes: readonly number[],
  { signal }: Look,
): Promise<ReadonlyMap<number, number>> {
  const counts = sizes.map(async (size): Promise<[number, number]> => {
    const path = `${HUGE_PAGES}/hugepages-${String(size)}kB/nr_hugepages`;
    return [size, Number(await readText(files, path, { signal }))];
  });
  return new Map(await Promise.all(counts));
}

async function readThrottledCpus(files: HostFiles, { signal }: Look): Promise<number[]> {
  const root = '/sys/devices/system/cpu';
  const cpus = ((await files.list(root, { signal })) ?? [])
    .map(({ name }) => /^cpu(\d+)$/.exec(name)?.[1])
    .filter((cpu) => cpu !== undefined);
  const found = await Promise.all(
    cpus.map(async (cpu) =>
      (await files.stat(`${root}/cpu${cpu}/thermal_throttle`, { signal })) === undefined
        ? undefined
        : Number(cpu),
    ),
  );
  return found.filter((cpu) => cpu !== undefined).sort((a, b) => a - b);
}
