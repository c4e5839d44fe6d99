import type { ObservedContainer, ObservedSandbox } from './runtime-state.ts';
import type { PodContainer } from './containers.ts';

/**
 * What one sync of a pod will do, decided by runtime/decide/compute-actions.ts and carried out by
 * runtime/pod/pod-runtime.ts in this order: kill the pod or the listed containers, create the sandbox, start
 * ephemeral, init, then regular containers (kubelet: kuberuntime_manager.go computePodActions, SyncPod).
 */
export interface PodActions {
  /** stop every container and sandbox first */
  readonly killPod: boolean;
  readonly createSandbox: boolean;
  /** the newest sandbox, which containers go into unless a new one is created */
  readonly sandbox: ObservedSandbox | undefined;
  /** attempt number of the sandbox to create, or of the one in use */
  readonly attempt: number;
  readonly kill: readonly ContainerKill[];
  /** to be taken away, their logs kept, so that the pod begins again in its sandbox; in this order */
  readonly reset: readonly ContainerReset[];
  readonly startEphemeral: readonly PodContainer[];
  readonly startInit: readonly PodContainer[];
  readonly start: readonly PodContainer[];
}

export interface ContainerReset {
  readonly container: ObservedContainer;
  /** it has not ended by itself */
  readonly kill: boolean;
}

export interface ContainerKill {
  readonly container: ObservedContainer;
  readonly name: string;
  /** message of the Killing event */
  readonly message: string;
  readonly reason: KillReason;
}

export type KillReason =
  | 'startup-probe'
  | 'liveness-probe'
  | 'changed'
  | 'unknown-state'
  | 'pod-deleted'
  | 'failed-post-start'
  | 'resized'
  | 'obsolete'
  | 'restart-all';
