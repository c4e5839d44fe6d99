/**
 * Which CPUs of a host share a core, a socket, a NUMA node (pkg/kubelet/cm/cpumanager/topology), read from
 * its /sys.
 */
import type { HostFiles } from '../../hosts/link/link.ts';
import { isNotFound } from '../../model/errors.ts';
import { parseCpuSet, sortedCpus } from '../../model/cpu-set.ts';

export interface CpuPlace {
  readonly cpu: number;
  /** the lowest CPU of the core, which names it across sockets */
  readonly core: number;
  readonly socket: number;
  readonly numa: number;
}

/** By CPU, ascending. */
export type CpuTopology = readonly CpuPlace[];

const cpus = '/sys/devices/system/cpu';
const nodes = '/sys/devices/system/node';
const maxBytes = 65_536;

export async function readCpuTopology(
  files: Pick<HostFiles, 'list' | 'readFile'>,
  { signal }: { signal: AbortSignal },
): Promise<CpuTopology> {
  const text = async (path: string): Promise<string> => {
    try {
      return (await files.readFile(path, { signal, maxBytes })).toString().trim();
    } catch (error) {
      if (isNotFound(error)) return '';
      throw error;
    }
  };
  const [online, folders] = await Promise.all([text(`${cpus}/online`), files.list(nodes, { signal })]);
  const all = sortedCpus(parseCpuSet(online) ?? new Set());
  const numbers = (folders ?? []).flatMap(({ name }) => /^node(\d+)$/.exec(name)?.[1] ?? []);
  const [places, numa] = await Promise.all([
    Promise.all(
      all.map(async (cpu) => {
        const at = `${cpus}/cpu${cpu}/topology`;
        const [core, socket] = await Promise.all([text(`${at}/core_id`), text(`${at}/physical_package_id`)]);
        return { cpu, core: Number(core), socket: Number(socket) };
      }),
    ),
    Promise.all(
      numbers.map(async (number) => ({
        number: Number(number),
        cpus: parseCpuSet(await text(`${nodes}/node${number}/cpulist`)) ?? new Set<number>(),
      })),
    ),
  ]);
  return topologyOf(
    places.map((place) => ({
      ...place,
      numa: numa.find(({ cpus: members }) => members.has(place.cpu))?.number ?? 0,
    })),
  );
}

/** Core numbers count within a socket: here each core is named by its first CPU. */
export function topologyOf(places: readonly CpuPlace[]): CpuTopology {
  return places
    .map((place) => ({
      ...place,
      core: Math.min(
        ...places
          .filter(({ core, socket }) => core === place.core && socket === place.socket)
          .map(({ cpu }) => cpu),
      ),
    }))
    .sort((a, b) => a.cpu - b.cpu);
}

/** Threads of a core, as many as the host has CPUs for each core. */
export function cpusPerCore(topology: CpuTopology): number {
  return topology.length / Math.max(1, new Set(topology.map(({ core }) => core)).size);
}
