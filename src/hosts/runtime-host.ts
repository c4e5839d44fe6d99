import type { CriClient } from './cri/calls.ts';
import type { HostLink } from './link/link.ts';

export interface RuntimeHandlerInfo {
  /** "" is the default handler */
  readonly name: string;
  readonly recursiveReadOnlyMounts: boolean;
  readonly userNamespaces: boolean;
  /** its pods run on a kernel of their own, apart from the host's: virtual machines, gVisor */
  readonly ownKernel: boolean;
}

/** What the runtime said of itself (CRI Version and Status). */
export interface RuntimeInfo {
  /** Version.runtime_name: the scheme of container ids */
  readonly name: string;
  readonly version: string;
  readonly handlers: readonly RuntimeHandlerInfo[];
  readonly supplementalGroupsPolicy: boolean;
}

/**
 * connecting: no good Status yet since farlet started. ready: the last Status is recent. lost: Status has
 * failed for longer than 30 s after having succeeded, or the runtime never answered for that long.
 */
export type HostState =
  | { readonly at: 'connecting'; readonly error: string | undefined }
  | {
      readonly at: 'ready';
      readonly runtime: RuntimeInfo;
      readonly runtimeReady: HostCondition;
      readonly networkReady: HostCondition;
    }
  | { readonly at: 'lost'; readonly since: number; readonly error: string };

/** A runtime condition of CRI Status. */
export interface HostCondition {
  readonly status: boolean;
  readonly reason: string;
  readonly message: string;
}

/** One host as the parts that act on it see it. */
export interface RuntimeHost {
  readonly name: string;
  readonly link: HostLink;
  readonly cri: CriClient;
  state(): HostState;
  /** The runtime as last known, also while the host is lost; undefined before its first answer. */
  runtime(): RuntimeInfo | undefined;
  /** ms to the runtime and back: what its shortest answer of the last minute took; 0: it is not known */
  roundTripMs(): number;
  /**
   * Calls on every change of state, and when the host answers again after it did not, or has been reached
   * again: what was known of it may be old, even that it has not booted. Returns the way to stop that.
   */
  onChange(listener: (state: HostState) => void): () => void;
}
