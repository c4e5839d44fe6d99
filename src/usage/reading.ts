/** What the answers about usage are made of. Times are ms since the epoch; undefined is what is not known. */
import type { HostFacts } from '../hosts/facts.ts';
import type { GroupUse, InterfaceUse, MachineUse } from '../hosts/link/host-usage.ts';

/** A control group's use at a moment. */
export interface Use extends GroupUse {
  readonly at: number;
  /** nanoseconds of processors a second, between two readings */
  readonly nanoCores?: number | undefined;
}

/** A file system, and what of it something takes. */
export interface FsFigures {
  readonly at: number;
  readonly capacityBytes?: number | undefined;
  readonly availableBytes?: number | undefined;
  readonly usedBytes?: number | undefined;
  readonly inodes?: number | undefined;
  readonly inodesFree?: number | undefined;
  readonly inodesUsed?: number | undefined;
}

export interface VolumeFigures extends FsFigures {
  readonly name: string;
  /** in the host's memory, not on its disk */
  readonly inMemory: boolean;
  /** it has a file system of its own, and takes nothing of the node's */
  readonly isServed?: boolean;
  /** what the pod has it by */
  readonly claim?: { readonly name: string; readonly namespace: string } | undefined;
}

export interface ContainerReading {
  readonly name: string;
  readonly id: string;
  readonly image: string;
  readonly startedAt: number;
  /** of its control group; undefined where it has none that is known, as in a virtual machine */
  readonly path: string | undefined;
  readonly use: Use | undefined;
  readonly rootfs: FsFigures | undefined;
  readonly logs: FsFigures | undefined;
}

export interface PodReading {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly startedAt: number;
  readonly path: string | undefined;
  readonly use: Use | undefined;
  readonly sandbox:
    { readonly id: string; readonly startedAt: number; readonly path: string; readonly use: Use } | undefined;
  readonly containers: readonly ContainerReading[];
  /** undefined for pods on the host's network */
  readonly network: readonly InterfaceUse[] | undefined;
  readonly volumes: readonly VolumeFigures[];
}

/** What one host was read to use for a node's pods. */
export interface HostReading {
  readonly host: string;
  readonly at: number;
  readonly detail: 'brief' | 'full';
  /** all of the host, as cAdvisor has its root */
  readonly root: Use;
  /** all pods together, where farlet keeps a group of them */
  readonly allPods: Use | undefined;
  /** groups above the pods', by path */
  readonly above: ReadonlyMap<string, Use>;
  readonly machine: MachineUse;
  readonly facts: HostFacts | undefined;
  readonly nodeFs: FsFigures | undefined;
  readonly imageFs: FsFigures | undefined;
  readonly containerFs: FsFigures | undefined;
  readonly pods: readonly PodReading[];
}
