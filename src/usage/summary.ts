/**
 * The answer of /stats/summary (k8s.io/kubelet/pkg/apis/stats/v1alpha1, pkg/kubelet/server/stats/summary.go).
 * What is not known is left out. Pure.
 */
import type { InterfaceUse, Pressure, Stall } from '../hosts/link/host-usage.ts';
import { rfc3339 } from '../util/clock.ts';
import { podsOnHosts, type NodeReading, type PodOnHost } from './node-reading.ts';
import { reportedInterfaces } from './reported-interfaces.ts';
import type { ContainerReading, FsFigures, Use, VolumeFigures } from './reading.ts';

/** The interface whose figures a node's or pod's network has beside the list of all. */
const DEFAULT_INTERFACE = 'eth0';

/** The answer's parts: the node, and each pod by itself, so that they need not be made all at once. */
export interface SummaryParts {
  readonly node: object;
  readonly pods: readonly (() => object)[];
}

/** `isBrief`: processor and memory only. */
export function summaryParts(
  nodeName: string,
  reading: NodeReading,
  { isBrief }: { isBrief: boolean },
): SummaryParts {
  const { root, allPods, swapTotalBytes, bootedAt } = reading;
  const node = {
    nodeName,
    ...(allPods === undefined
      ? {}
      : {
          systemContainers: [
            {
              name: 'pods',
              startTime: time(bootedAt ?? 0),
              ...usePart(allPods, { swapTotalBytes, isBrief, whole: root }),
            },
          ],
        }),
    startTime: time(bootedAt ?? 0),
    ...(root === undefined ? {} : usePart(root, { swapTotalBytes, isBrief })),
    ...(isBrief ? {} : nodeParts(reading)),
  };
  return { node, pods: podsOnHosts(reading).map((pod) => () => podPart(pod, { isBrief })) };
}

function nodeParts(reading: NodeReading): object {
  const { at, network, nodeFs, imageFs, containerFs, processes, maxProcesses } = reading;
  return {
    network: networkPart(at, network),
    fs: nodeFs && fsPart(nodeFs),
    runtime: { imageFs: imageFs && fsPart(imageFs), containerFs: containerFs && fsPart(containerFs) },
    rlimit: { time: time(at), maxpid: maxProcesses, curproc: processes },
  };
}

function podPart(pod: PodOnHost, { isBrief }: { isBrief: boolean }): object {
  const { name, namespace, uid, startedAt, use, containers, network, volumes, swapTotalBytes } = pod;
  const processes = use?.processes;
  return {
    podRef: { name, namespace, uid },
    startTime: time(startedAt),
    containers: containers.map((container) => containerPart(container, { swapTotalBytes, isBrief })),
    ...(use === undefined ? {} : usePart(use, { swapTotalBytes, isBrief })),
    ...(isBrief
      ? {}
      : {
          network: use === undefined || network === undefined ? undefined : networkPart(use.at, network),
          volume: volumes.length === 0 ? undefined : volumes.map(volumePart),
          'ephemeral-storage': ephemeralPart(pod),
          process_stats: processes === undefined ? undefined : { process_count: processes },
        }),
  };
}

function containerPart(
  { name, startedAt, use, rootfs, logs }: ContainerReading,
  options: { swapTotalBytes: number | undefined; isBrief: boolean },
): object {
  return {
    name,
    startTime: time(startedAt),
    ...(use === undefined ? {} : usePart(use, options)),
    ...(options.isBrief ? {} : { rootfs: rootfs && fsPart(rootfs), logs: logs && fsPart(logs) }),
  };
}

/** What pods take of the node's disk: writable layers, logs, and volumes that lie there. */
function ephemeralPart({ containers, volumes, nodeFs }: PodOnHost): object | undefined {
  const parts = [
    ...containers.flatMap(({ rootfs, logs }) => [rootfs, logs]),
    ...volumes.filter(({ inMemory, isServed }) => !inMemory && isServed !== true),
  ];
  const known = parts.filter((each) => each !== undefined);
  if (nodeFs === undefined || known.length === 0 || known.length < parts.length) return undefined;
  const sum = (figure: (fs: FsFigures) => number | undefined): number | undefined => {
    const values = known.map(figure);
    return values.includes(undefined)
      ? undefined
      : values.reduce<number>((total, each) => total + (each ?? 0), 0);
  };
  return fsPart({
    ...nodeFs,
    usedBytes: sum(({ usedBytes }) => usedBytes),
    inodesUsed: sum(({ inodesUsed }) => inodesUsed),
  });
}

function usePart(
  use: Use,
  {
    swapTotalBytes,
    isBrief,
    whole,
  }: { swapTotalBytes: number | undefined; isBrief: boolean; whole?: Use | undefined },
): object {
  const { workingSetBytes, memoryLimitBytes = whole?.memoryLimitBytes } = use;
  const at = time(use.at);
  return {
    cpu:
      use.cpuNanos === undefined
        ? undefined
        : {
            time: at,
            usageNanoCores: use.nanoCores,
            usageCoreNanoSeconds: use.cpuNanos,
            psi: psiPart(use.cpuPressure),
          },
    memory:
      workingSetBytes === undefined && use.memoryBytes === undefined
        ? undefined
        : {
            time: at,
            availableBytes:
              workingSetBytes === undefined || memoryLimitBytes === undefined
                ? undefined
                : Math.max(0, memoryLimitBytes - workingSetBytes),
            usageBytes: use.memoryBytes,
            workingSetBytes,
            rssBytes: use.rssBytes,
            pageFaults: use.pageFaults,
            majorPageFaults: use.majorPageFaults,
            psi: psiPart(use.memoryPressure),
          },
    ...(isBrief ? {} : { io: { time: at, psi: psiPart(use.ioPressure) } }),
    swap: swapPart(use, swapTotalBytes),
  };
}

/** No more than the machine has, whatever the limit. */
export function swapPart(
  { at, swapBytes, swapLimitBytes }: Use,
  totalBytes: number | undefined,
):
  | { readonly time: string; readonly swapAvailableBytes?: number; readonly swapUsageBytes: number }
  | undefined {
  if (swapBytes === undefined) return undefined;
  const limit = totalBytes === undefined ? swapLimitBytes : Math.min(totalBytes, swapLimitBytes ?? Infinity);
  return {
    time: time(at),
    ...(limit === undefined ? {} : { swapAvailableBytes: Math.max(0, limit - swapBytes) }),
    swapUsageBytes: swapBytes,
  };
}

function psiPart(pressure: Pressure | undefined): object | undefined {
  if (pressure === undefined) return undefined;
  const line = ({ totalMicros, avg10, avg60, avg300 }: Stall): object => ({
    total: totalMicros,
    avg10,
    avg60,
    avg300,
  });
  return { full: line(pressure.full), some: line(pressure.some) };
}

function networkPart(at: number, all: readonly InterfaceUse[]): object | undefined {
  const interfaces = reportedInterfaces(all).map(({ name, rxBytes, rxErrors, txBytes, txErrors }) => ({
    name,
    rxBytes,
    rxErrors,
    txBytes,
    txErrors,
  }));
  if (interfaces.length === 0) return undefined;
  const usual = interfaces.find(({ name }) => name === DEFAULT_INTERFACE);
  return { time: time(at), ...(usual ?? { name: '' }), interfaces };
}

function fsPart({ at, ...fs }: FsFigures): object {
  const { availableBytes, capacityBytes, usedBytes, inodesFree, inodes, inodesUsed } = fs;
  return { time: time(at), availableBytes, capacityBytes, usedBytes, inodesFree, inodes, inodesUsed };
}

function volumePart({ name, claim, ...fs }: VolumeFigures): object {
  return { ...fsPart(fs), name, pvcRef: claim && { name: claim.name, namespace: claim.namespace } };
}

function time(ms: number): string {
  return rfc3339(ms);
}
