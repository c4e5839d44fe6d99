/** Puts together what was read of a host's groups with whose they are. Pure. */
import type { GroupLimits, GroupUse, HostUsage, InterfaceUse } from '../hosts/link/host-usage.ts';
import type { Pod } from '../model/kube.ts';
import type { ObservedContainer, ObservedSandbox, PodRuntimeState } from '../model/runtime-state.ts';
import type { DiskFigures } from './disk-reader.ts';
import type { TimedUse } from './host-samples.ts';
import type { ContainerReading, PodReading, Use, VolumeFigures } from './reading.ts';
import type { SandboxedUse } from './sandboxed-use.ts';

export interface ReadParts {
  readonly use: TimedUse;
  /** paths of groups by the id in their name */
  readonly byId: ReadonlyMap<string, string>;
  readonly parentOf: (pod: Pod) => string | undefined;
  readonly networks: ReadonlyMap<string, readonly InterfaceUse[]>;
  readonly disk: DiskFigures | undefined;
  /** volumes that others serve, by the pod's UID */
  readonly served: ReadonlyMap<string, readonly VolumeFigures[]> | undefined;
  readonly sandboxed: SandboxedUse | undefined;
  readonly hasOwnKernel: (handler: string) => boolean;
}

const NANOS_PER_MS = 1_000_000;

/** Of each pod its newest sandbox and what runs (pkg/kubelet/stats/cri_stats_provider.go). */
export function podsOf(
  pods: readonly { readonly pod: Pod; readonly state: PodRuntimeState }[],
  parts: ReadParts,
): PodReading[] {
  return pods.map(({ pod, state }) => podReading(pod, state, parts));
}

function podReading(pod: Pod, state: PodRuntimeState, parts: ReadParts): PodReading {
  const { use, parentOf, disk, served, sandboxed, hasOwnKernel } = parts;
  const { name, namespace, uid } = pod.metadata;
  const [sandbox] = state.sandboxes;
  const isSandboxed = sandbox !== undefined && hasOwnKernel(sandbox.runtimeHandler);
  const running = newestOfEach(state.containers.filter((container) => container.state === 'running'));
  const containers = running.map((container) => containerReading(pod, container, { parts, isSandboxed }));
  const read = sandbox === undefined ? undefined : sandboxReading(sandbox, parts);
  const reported = sandbox === undefined ? undefined : sandboxed?.sandboxes.get(sandbox.id);
  const parent = parentOf(pod);
  const own = parent === undefined ? undefined : use.get(parent);
  return {
    name,
    namespace,
    uid,
    startedAt: (sandbox?.createdAt ?? 0) / NANOS_PER_MS,
    path: own === undefined ? undefined : parent,
    use:
      own === undefined
        ? (reported?.use ?? sumOf(containers))
        : withProcesses(own, [read?.use, ...containers.map((each) => each.use)]),
    sandbox: read,
    containers,
    network:
      sandbox === undefined || sandbox.hostNetwork
        ? undefined
        : (networkOf(sandbox, parts) ?? reported?.network),
    volumes: [...(disk?.volumes.get(uid) ?? []), ...(served?.get(uid) ?? [])],
  };
}

function containerReading(
  pod: Pod,
  container: ObservedContainer,
  { parts, isSandboxed }: { parts: ReadParts; isSandboxed: boolean },
): ContainerReading {
  const { use, byId, disk, sandboxed } = parts;
  const path = isSandboxed ? undefined : byId.get(container.id);
  return {
    name: container.name,
    id: container.id,
    image: imageOf(pod, container),
    startedAt: container.startedAt / NANOS_PER_MS,
    path,
    use: path === undefined ? sandboxed?.containers.get(container.id) : use.get(path),
    rootfs: disk?.layers.get(container.id),
    logs: disk?.logs.get(`${pod.metadata.uid}/${container.name}`),
  };
}

/** Of the sandbox itself, where its group is known and was read. */
function sandboxReading({ id, createdAt }: ObservedSandbox, { use, byId }: ReadParts): PodReading['sandbox'] {
  const path = byId.get(id);
  const own = path === undefined ? undefined : use.get(path);
  if (path === undefined || own === undefined) return undefined;
  return { id, startedAt: createdAt / NANOS_PER_MS, path, use: own };
}

function networkOf({ id }: ObservedSandbox, { byId, networks }: ReadParts): PodReading['network'] {
  const path = byId.get(id);
  return path === undefined ? undefined : networks.get(path);
}

/** A container that has just been started again may still be seen to run twice. */
function newestOfEach(containers: readonly ObservedContainer[]): ObservedContainer[] {
  const byName = new Map<string, ObservedContainer>();
  // newest first
  for (const container of containers) if (!byName.has(container.name)) byName.set(container.name, container);
  return [...byName.values()];
}

function imageOf({ spec }: Pod, { name, image, imageRef }: ObservedContainer): string {
  const named = [...spec.containers, ...(spec.initContainers ?? []), ...(spec.ephemeralContainers ?? [])];
  const found = named.find((container) => container.name === name)?.image;
  return found ?? (image === '' ? imageRef : image);
}

/** Processes are those of the groups below: cgroups v2 have none in between. */
function withProcesses(own: Use, parts: readonly (Use | undefined)[]): Use {
  const counts = parts.flatMap((each) => (each?.processes === undefined ? [] : [each.processes]));
  return counts.length === 0 ? own : { ...own, processes: counts.reduce((sum, each) => sum + each, 0) };
}

const summed = [
  'cpuNanos',
  'nanoCores',
  'userNanos',
  'systemNanos',
  'memoryBytes',
  'workingSetBytes',
  'rssBytes',
  'pageFaults',
  'majorPageFaults',
  'swapBytes',
  'processes',
  'threads',
] as const satisfies readonly (keyof Use)[];

/** As the kubelet does for a pod without a group of its own: what is known of all its containers. */
function sumOf(containers: readonly Pick<ContainerReading, 'use'>[]): Use | undefined {
  const uses = containers.flatMap(({ use }) => (use === undefined ? [] : [use]));
  const [first] = uses;
  if (first === undefined || uses.length < containers.length) return undefined;
  return addUses(first.at, uses);
}

/** A figure that one of them lacks is not known of all. */
export function addUses(at: number, uses: readonly Use[]): Use {
  const sums = summed.flatMap((key): [string, number][] => {
    const values = uses.map((use) => use[key]);
    return values.includes(undefined)
      ? []
      : [[key, values.reduce<number>((sum, each) => sum + (each ?? 0), 0)]];
  });
  return { at, ...(Object.fromEntries(sums) as GroupUse) };
}

/** Those of what was read that change seldom. */
export function limitsOf(group: GroupUse): GroupLimits {
  const { cpuQuotaMicros, cpuPeriodMicros, cpuShares, memoryLimitBytes } = group;
  const { memoryReservationBytes, swapLimitBytes, maxThreads } = group;
  return {
    cpuQuotaMicros,
    cpuPeriodMicros,
    cpuShares,
    memoryLimitBytes,
    memoryReservationBytes,
    swapLimitBytes,
    maxThreads,
  };
}

/**
 * All of the host, as cAdvisor has the root group: on cgroups v2 the root has no figures of memory, which are
 * the machine's then.
 */
export function rootUse(
  { machine, cgroupVersion }: Pick<HostUsage, 'machine' | 'cgroupVersion'>,
  group: Use,
): Use {
  const { memoryTotalBytes, memoryFreeBytes, inactiveFileBytes } = machine;
  const used =
    memoryTotalBytes === undefined || memoryFreeBytes === undefined
      ? undefined
      : memoryTotalBytes - memoryFreeBytes;
  const swap =
    machine.swapTotalBytes === undefined || machine.swapFreeBytes === undefined
      ? undefined
      : machine.swapTotalBytes - machine.swapFreeBytes;
  const memory =
    cgroupVersion === 1 && group.memoryBytes !== undefined
      ? {}
      : {
          memoryBytes: used,
          workingSetBytes:
            used === undefined || inactiveFileBytes === undefined
              ? undefined
              : Math.max(0, used - inactiveFileBytes),
          rssBytes: machine.anonymousBytes,
          cacheBytes: machine.cacheBytes,
          mappedFileBytes: machine.mappedFileBytes,
          activeFileBytes: machine.activeFileBytes,
          inactiveFileBytes,
          pageFaults: machine.pageFaults,
          majorPageFaults: machine.majorPageFaults,
        };
  return {
    ...group,
    ...memory,
    cpuNanos: group.cpuNanos ?? machine.cpuNanos,
    userNanos: group.userNanos ?? machine.userNanos,
    systemNanos: group.systemNanos ?? machine.systemNanos,
    swapBytes: swap,
    swapLimitBytes: machine.swapTotalBytes,
    disks: machine.disks.length === 0 ? group.disks : machine.disks,
    memoryLimitBytes: memoryTotalBytes,
    cpuPressure: machine.cpuPressure ?? group.cpuPressure,
    memoryPressure: machine.memoryPressure ?? group.memoryPressure,
    ioPressure: machine.ioPressure ?? group.ioPressure,
  };
}
