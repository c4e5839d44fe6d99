import type { Pod, PodStatus } from './kube.ts';
import type { PodRef } from './pod-ref.ts';

/** One change of desired state, as a source reports it (kubelet: pkg/kubelet/types/pod_update.go). */
export type PodChange =
  | { readonly kind: 'add' | 'update' | 'delete' | 'reconcile'; readonly pod: Pod }
  /** the object is gone from its source */
  | { readonly kind: 'remove'; readonly pod: Pod };

/** One change of the runtime's state (kubelet: pkg/kubelet/pleg). */
export interface PodLifecycleEvent {
  readonly kind: 'container-started' | 'container-died' | 'container-removed' | 'sandbox-changed';
  readonly pod: PodRef;
  /** container or sandbox id */
  readonly id: string;
}

/** Why and how a pod is to be stopped although its object does not ask for it. */
export interface KillOrder {
  /** never longer than what is already under way: grace only shrinks */
  readonly graceSeconds?: number;
  /** merged into the status before it is written: phase, reason, message, conditions */
  readonly status?: Partial<Pick<PodStatus, 'phase' | 'reason' | 'message' | 'conditions'>>;
}

/** How a sync ended. */
export type SyncOutcome =
  /** something was changed and has been observed: look again at once */
  | { readonly kind: 'acted' }
  /** nothing to do until an event, or until the time given (ms from now) */
  | { readonly kind: 'settled'; readonly againInMs?: number }
  /** something failed that is worth another try after so long */
  | { readonly kind: 'failed'; readonly retryInMs: number }
  /** the host can't be asked: wait until it is back */
  | { readonly kind: 'paused' }
  /** the pod will never run again: stop what still runs */
  | { readonly kind: 'terminal'; readonly order: KillOrder };
