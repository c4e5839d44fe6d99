import type { EventRecorder } from '../../model/events.ts';
import type { Log } from '../../model/log.ts';
import type { Pod } from '../../model/kube.ts';
import { podReference } from '../../model/pod-ref.ts';
import type { Clock } from '../../util/clock.ts';

const CLEANUP_MS = 30_000;
const POLL_MS = 1_000;
/** pkg/kubelet/pod_workers.go killPodNow: half as much again as the grace, at least this. */
const MIN_KILL_MS = 10_000;

export interface AwaitEvictedOptions {
  readonly clock: Pick<Clock, 'monotonic' | 'sleep'>;
  readonly log: Log;
  readonly events: EventRecorder;
  /** none of its containers runs any more */
  readonly isStopped: (uid: string) => boolean;
  /** nothing of the pod is left to stop or to clean up */
  readonly isOver: (uid: string) => boolean;
  /** the most that the pods were given */
  readonly graceSeconds: number;
}

/**
 * Resolves when the pods are over, or have been for so long not over that they will not be soon. A pod that
 * the runtime does not stop in time is told of in an event (eviction_manager.go waitForPodsCleanup).
 */
export async function awaitEvicted(
  pods: readonly Pod[],
  { clock, log, events, isStopped, isOver, graceSeconds }: AwaitEvictedOptions,
  { signal }: { signal: AbortSignal },
): Promise<void> {
  const began = clock.monotonic();
  const late = began + Math.max(MIN_KILL_MS, graceSeconds * 1500);
  const end = began + CLEANUP_MS + graceSeconds * 1000;
  let isLogged = false;
  while (!pods.every(({ metadata }) => isOver(metadata.uid))) {
    if (!isLogged && clock.monotonic() >= late) {
      isLogged = true;
      for (const pod of pods.filter(({ metadata }) => !isStopped(metadata.uid)))
        events.event(podReference(pod), 'ExceededGracePeriod', tooSlow);
    }
    if (clock.monotonic() >= end) {
      log.warn({ pods: pods.map(({ metadata }) => metadata.name) }, 'evicted pods are not gone yet');
      return;
    }
    await clock.sleep(POLL_MS, { signal });
  }
}

const tooSlow = 'Container runtime did not kill the pod within specified grace period.';
