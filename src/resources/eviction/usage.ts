/** What pods use of a host, as far as evictions ask. Bytes and counts; undefined: not known. */
export interface FsUse {
  readonly bytes: number;
  readonly inodes: number;
}

export interface ContainerUse {
  readonly name: string;
  readonly memoryBytes: number | undefined;
  /** the writable layer */
  readonly rootfs: FsUse | undefined;
  readonly logs: FsUse | undefined;
}

export interface PodUse {
  readonly memoryBytes: number | undefined;
  readonly processes: number | undefined;
  readonly containers: readonly ContainerUse[];
  /** by name, of volumes that lie on the host's own disk or in its memory */
  readonly volumes: ReadonlyMap<string, FsUse>;
}

/** undefined: nothing is known of the pod */
export type UseOf = (uid: string) => PodUse | undefined;
