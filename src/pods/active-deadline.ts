import type { Pod, PodStatus } from '../model/kube.ts';

export const deadlineMessage = 'Pod was active on the node longer than the specified deadline';

/**
 * ms from `now` (ms since the epoch) until the pod's activeDeadlineSeconds are over, negative once they are;
 * undefined for a pod that has no deadline or has not started (pkg/kubelet/active_deadline.go). Pure.
 */
export function msToDeadline(pod: Pod, { startTime }: PodStatus, now: number): number | undefined {
  const { activeDeadlineSeconds } = pod.spec;
  if (activeDeadlineSeconds === undefined || startTime === undefined) return undefined;
  return Date.parse(startTime) + activeDeadlineSeconds * 1000 - now;
}
