/**
 * What a host's runtime was seen to hold for one pod. Built in runtime/observed/observe.ts from CRI answers
 * or events; everything else only reads it. Times are nanoseconds since the epoch as the host's clock has
 * them (CRI's unit; a double keeps them to about 256 ns), except observedAt.
 */
export interface PodRuntimeState {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  /** newest first: highest attempt, then latest creation */
  readonly sandboxes: readonly ObservedSandbox[];
  /** newest first, across all sandboxes */
  readonly containers: readonly ObservedContainer[];
  /** the newest ready sandbox's addresses; kept from before when no sandbox is ready */
  readonly ips: readonly string[];
  /** ms on farlet's monotonic clock when the observation was asked for (never later than what it shows) */
  readonly observedAt: number;
  /** why the runtime holds more of the pod than could be looked at; absent: this is all of it */
  readonly fault?: string;
}

export interface ObservedSandbox {
  readonly id: string;
  readonly attempt: number;
  readonly createdAt: number;
  readonly ready: boolean;
  readonly ips: readonly string[];
  /** the runtime tells of its network, and of no address in it */
  readonly lacksAddress: boolean;
  /** network namespace of the host rather than the pod's own */
  readonly hostNetwork: boolean;
  readonly runtimeHandler: string;
}

export type ObservedContainerState = 'created' | 'running' | 'exited' | 'unknown';

export interface ObservedContainer {
  readonly id: string;
  readonly name: string;
  readonly sandboxId: string;
  /** CRI metadata.attempt: the restart count it was created with */
  readonly attempt: number;
  readonly state: ObservedContainerState;
  readonly createdAt: number;
  readonly startedAt: number;
  readonly finishedAt: number;
  readonly exitCode: number;
  readonly reason: string;
  readonly message: string;
  /** the image as the container's creator named it */
  readonly image: string;
  /** digest form */
  readonly imageRef: string;
  readonly imageId: string;
  readonly logPath: string;
  /** carry hash, restart count, termination message path and policy (model/labels.ts) */
  readonly annotations: Readonly<Record<string, string>>;
  readonly resources: ObservedResources | undefined;
  readonly user: ObservedUser | undefined;
  /** host path of the file for its termination message; undefined: nothing is mounted there */
  readonly terminationFile: string | undefined;
}

export interface ObservedResources {
  readonly cpuPeriod: number;
  readonly cpuQuota: number;
  readonly cpuShares: number;
  readonly memoryLimitBytes: number;
}

export interface ObservedUser {
  readonly uid: number;
  readonly gid: number;
  readonly supplementalGroups: readonly number[];
}

/** A pod of which the runtime holds nothing. */
export function emptyRuntimeState(
  ref: { uid: string; name: string; namespace: string },
  observedAt: number,
): PodRuntimeState {
  return {
    uid: ref.uid,
    name: ref.name,
    namespace: ref.namespace,
    sandboxes: [],
    containers: [],
    ips: [],
    observedAt,
  };
}

/** Ids of sandboxes and containers that farlet itself has started or stopped. */
export interface Deeds {
  readonly started?: readonly string[];
  readonly stopped?: readonly string[];
}

/**
 * The pod's state once the runtime's events told what became of these; undefined where they don't.
 */
export type Told = (
  uid: string,
  deeds: Deeds,
  options: { signal: AbortSignal },
) => Promise<PodRuntimeState | undefined>;

/** What became of what the runtime held of a pod that is done. */
export interface Removal {
  /** ids of containers and sandboxes */
  readonly gone: readonly string[];
  /** what the runtime says of each that it keeps */
  readonly refused: readonly string[];
}
