/** What pods, admission and container configs need to know of the node and the host that runs them. */
export interface NodeInfo {
  readonly name: string;
  /** of the host, the main one first (at most one a family) */
  readonly ips: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** resource name → quantity, as in Node status */
  readonly capacity: Readonly<Record<string, string>>;
  readonly allocatable: Readonly<Record<string, string>>;
  /** the host's huge page sizes as CRI names them: 2MB, 1GB */
  readonly hugePageSizes: readonly string[];
  readonly kernelVersion: string;
}

/** The node conditions that lack of a resource brings. */
export const nodePressures = ['MemoryPressure', 'DiskPressure', 'PIDPressure'] as const;
export type NodePressure = (typeof nodePressures)[number];
