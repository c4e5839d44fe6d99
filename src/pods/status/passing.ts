/** What a pod's status is for moments only: one write may tell of several. Pure. */
import type { ContainerStatus, PodStatus } from '../../model/kube.ts';

/**
 * Where images are there, containers run within this time of their sandbox, and of each other, and are Ready
 * if they say so when first asked: one write then reports all.
 */
export const PASSING_LINGER_MS = 1_000;

/**
 * Whether the pod is on its way to being Ready, and nothing has gone wrong so far: its init containers take
 * their turns, or a probe is about to be asked for the first time.
 * @param before what was last wanted
 */
export function isPassing(status: PodStatus, before: PodStatus | undefined): boolean {
  const containers = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
  return !wasReached(before) && !wasReached(status) && containers.every(goesOn);
}

/** A load balancer, which a readiness gate waits for, waits for the containers. */
function wasReached(status: PodStatus | undefined): boolean {
  return (status?.conditions ?? []).some(
    (each) => each.status === 'True' && (each.type === 'Ready' || each.type === 'ContainersReady'),
  );
}

function goesOn({ restartCount, state }: ContainerStatus): boolean {
  if (restartCount > 0) return false;
  if (state?.waiting !== undefined) return isAwaited(state.waiting.reason);
  return (state?.terminated?.exitCode ?? 0) === 0;
}

/** Not kept from starting by anything but what comes before it. */
function isAwaited(reason: string | undefined): boolean {
  return reason === 'PodInitializing' || reason === 'ContainerCreating';
}
