/**
 * What becomes of pods whose host of a pool does not answer: what the node controller does to those of a node
 * that does not (pkg/controller/nodelifecycle MarkPodsNotReady, pkg/controller/tainteviction). Pure.
 */
import type { Pod, PodStatus } from '../../model/kube.ts';
import { notReadyStatus } from '../../model/not-ready.ts';
import { isTerminalPhase } from '../../model/holds.ts';

const unreachable = 'node.kubernetes.io/unreachable';

/** The status that says nobody knows how the pod is: all as it was, but not ready. */
export function lostStatus(status: PodStatus, options: { message: string; now: string }): PodStatus {
  return notReadyStatus(status, { reason: 'HostLost', ...options });
}

/** Whether a pod of a lost host is to be marked: one that is over stays so. */
export function isAffected(pod: Pod): boolean {
  return !isTerminalPhase(pod.status?.phase);
}

/**
 * Whether a pod is to be deleted, its host having been lost for so long. One that tolerates unreachable nodes
 * without end (those of a DaemonSet) stays, and so does a mirror, which the API server can't delete for good.
 */
export function isToBeReplaced(
  pod: Pod,
  { lostMs, timeoutMs }: { lostMs: number; timeoutMs: number },
): boolean {
  return (
    lostMs >= timeoutMs &&
    isAffected(pod) &&
    pod.metadata.deletionTimestamp === undefined &&
    !(pod.spec.tolerations ?? []).some(
      ({ key, effect, tolerationSeconds }) =>
        tolerationSeconds === undefined &&
        (key === undefined || key === '' || key === unreachable) &&
        (effect === undefined || effect === '' || effect === 'NoExecute'),
    )
  );
}

/**
 * Whether draining a host moves the pod: a DaemonSet's would only come back (kubectl drain
 * --ignore-daemonsets).
 */
export function isToBeDrained(pod: Pod): boolean {
  return isAffected(pod) && pod.metadata.deletionTimestamp === undefined && !isOfDaemonSet(pod);
}

export function isOfDaemonSet({ metadata }: Pod): boolean {
  return (metadata.ownerReferences ?? []).some(
    ({ controller, kind }) => controller === true && kind === 'DaemonSet',
  );
}
