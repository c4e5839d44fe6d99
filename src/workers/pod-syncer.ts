import type { Pod } from '../model/kube.ts';
import type { PodRef } from '../model/pod-ref.ts';
import type { KillOrder } from '../model/pod-update.ts';

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

/**
 * The three steps of a pod's life, as pods/ implements them. Each may be interrupted through the signal and is
 * then called again, perhaps as the next step; each must be safe to repeat.
 */
export interface PodSyncer {
  /** Brings the pod towards its spec. */
  syncPod(pod: Pod, options: { signal: AbortSignal }): Promise<SyncOutcome>;
  /** Resolves only once no container of the pod runs. */
  stopPod(
    pod: Pod,
    options: { graceSeconds: number; status: KillOrder['status'] | undefined; signal: AbortSignal },
  ): Promise<void>;
  /** Gives back what the pod held on the host and, if it was deleted, lets its object go. */
  finishPod(pod: Pod, options: { signal: AbortSignal }): Promise<void>;
  /** Stops and removes a pod of which only the runtime knows. */
  stopOrphan(pod: PodRef, options: { signal: AbortSignal }): Promise<void>;
}
