/** A node's use, of one host or of all of a pool. Pure. */
import type { InterfaceUse } from '../hosts/link/host-usage.ts';
import { addUses } from './join-reading.ts';
import type { FsFigures, HostReading, PodReading, Use } from './reading.ts';

export interface NodeReading {
  readonly at: number;
  readonly bootedAt: number | undefined;
  /** undefined where a host of several is not known: a sum without it would be none */
  readonly root: Use | undefined;
  /** all pods together, where they have a group of their own */
  readonly allPods: Use | undefined;
  readonly network: readonly InterfaceUse[];
  readonly nodeFs: FsFigures | undefined;
  readonly imageFs: FsFigures | undefined;
  readonly containerFs: FsFigures | undefined;
  readonly processes: number | undefined;
  readonly maxProcesses: number | undefined;
  readonly swapTotalBytes: number | undefined;
  readonly hosts: readonly HostReading[];
  /** not all of its hosts are told of */
  readonly isPartial: boolean;
}

export interface PodOnHost extends PodReading {
  readonly swapTotalBytes: number | undefined;
  readonly nodeFs: FsFigures | undefined;
  readonly imageFs: FsFigures | undefined;
}

/** `isPartial`: hosts are missing. At least one is there. */
export function nodeReading(
  hosts: readonly [HostReading, ...HostReading[]],
  { isPartial }: { isPartial: boolean },
): NodeReading {
  const [first, ...others] = hosts;
  const at = Math.max(...hosts.map((host) => host.at));
  const sum = (figure: (host: HostReading) => number | undefined): number | undefined =>
    isPartial ? undefined : sumOf(hosts.map(figure));
  const fs = (figure: (host: HostReading) => FsFigures | undefined): FsFigures | undefined =>
    isPartial ? undefined : sumFs(at, hosts.map(figure));
  const isAlone = others.length === 0 && !isPartial;
  return {
    at,
    bootedAt: first.machine.bootTime === undefined ? undefined : first.machine.bootTime * 1000,
    root: isAlone
      ? first.root
      : isPartial
        ? undefined
        : addUses(
            at,
            hosts.map(({ root }) => root),
          ),
    allPods: isAlone ? first.allPods : undefined,
    network: isAlone
      ? first.machine.interfaces
      : hosts.flatMap(({ host, machine }) =>
          machine.interfaces.map((each) => ({ ...each, name: `${host}/${each.name}` })),
        ),
    nodeFs: fs(({ nodeFs }) => nodeFs),
    imageFs: fs(({ imageFs }) => imageFs),
    containerFs: fs(({ containerFs }) => containerFs),
    processes: sum(({ machine }) => machine.processes),
    maxProcesses: sum(({ machine }) => machine.maxProcesses),
    swapTotalBytes: sum(({ machine }) => machine.swapTotalBytes),
    hosts,
    isPartial,
  };
}

export function podsOnHosts({ hosts }: NodeReading): PodOnHost[] {
  return hosts.flatMap(({ pods, machine, nodeFs, imageFs }) =>
    pods.map((pod) => ({ ...pod, swapTotalBytes: machine.swapTotalBytes, nodeFs, imageFs })),
  );
}

const sizes = [
  'capacityBytes',
  'availableBytes',
  'usedBytes',
  'inodes',
  'inodesFree',
  'inodesUsed',
] as const satisfies readonly (keyof FsFigures)[];

function sumFs(at: number, all: readonly (FsFigures | undefined)[]): FsFigures | undefined {
  const [only] = all;
  if (all.length === 1) return only;
  if (all.includes(undefined)) return undefined;
  return {
    at,
    ...Object.fromEntries(sizes.map((key) => [key, sumOf(all.map((each) => each?.[key]))])),
  };
}

function sumOf(values: readonly (number | undefined)[]): number | undefined {
  return values.includes(undefined)
    ? undefined
    : values.reduce<number>((sum, value) => sum + (value ?? 0), 0);
}
