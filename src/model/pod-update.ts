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
