import type { Pod } from '../../model/kube.ts';
import type { PodRef } from '../../model/pod-ref.ts';
import type { KillOrder, SyncOutcome } from '../../model/pod-update.ts';

/**
 * The three steps of a pod's life, as pods/ implements them. Each may be interrupted through the signal and
 * is then called again, perhaps as the next step; each must be safe to repeat.
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
