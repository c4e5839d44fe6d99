/** What a probe sees of its container (pkg/kubelet/prober/worker.go doProbe). Pure. */
import { findContainer, findContainerStatus, isStatusOf } from '../../model/containers.ts';
import type { Pod, PodStatus } from '../../model/kube.ts';
import type { ObservedContainer, PodRuntimeState } from '../../model/runtime-state.ts';
import { restartsAll } from '../../runtime/decide/restart-all.ts';
import { restartsAfter } from '../../runtime/decide/restart-decision.ts';
import type { ProbedContainer } from './probe-worker.ts';

export interface ProbedPod {
  readonly pod: Pod | undefined;
  readonly state: PodRuntimeState | undefined;
  /** the pod's newest status, written or not */
  readonly status: PodStatus | undefined;
  /** of pods on their host's network */
  readonly hostIP: string;
  /** a time of the host (ms since the epoch) by our own clock */
  readonly localTime: (at: number) => number;
}

/** undefined: there is nothing to probe yet, and nothing has failed either. */
export function probedContainer(
  name: string,
  { pod, state, status, hostIP, localTime }: ProbedPod,
): ProbedContainer | undefined {
  const container = state?.containers.find((each) => each.name === name);
  if (state === undefined || container === undefined || container.state === 'created') return undefined;
  if (!isReported(status, container)) return undefined;
  return {
    id: container.id,
    running: container.state === 'running',
    startedAt: localTime(container.startedAt / 1e6),
    podIp: pod?.spec.hostNetwork === true ? hostIP : (state.ips[0] ?? ''),
    over: container.state === 'exited' && pod !== undefined && isOver(pod, state, container),
  };
}

/** A probe sees what the pod's status says, never a start that is still under way. */
function isReported(status: PodStatus | undefined, { id, name }: ObservedContainer): boolean {
  const reported = findContainerStatus(status, name);
  return reported !== undefined && isStatusOf(reported, id);
}

/** Nothing will start the container again. */
function isOver(pod: Pod, state: PodRuntimeState, { name, exitCode }: ObservedContainer): boolean {
  const spec = findContainer(pod, name)?.spec;
  return spec !== undefined && !restartsAfter(pod, spec, exitCode) && !restartsAll(pod, state);
}
