/** How a wanted status meets the one the API server has (pkg/kubelet/status/status_manager.go mergePodStatus). Pure. */
import type { ContainerStatus, Pod, PodCondition, PodStatus } from '../model/kube.ts';
import { isTerminalPhase } from '../model/phase.ts';
import { isStaticPod } from '../model/pod-source.ts';
import { rfc3339 } from '../util/clock.ts';
import { ownedConditions } from './conditions.ts';

/**
 * Conditions of others stay as the API server has them; a terminal phase is held back while containers may run, so that a
 * pod is never Failed or Succeeded with something still running; a terminal pod is never Ready.
 */
export function mergePodStatus(
  api: PodStatus,
  desired: PodStatus,
  { mayRun }: { mayRun: boolean },
): PodStatus {
  const held = mayRun && isTerminalPhase(desired.phase) && !isTerminalPhase(api.phase);
  const merged = held ? heldBack(api, desired) : desired;
  const phase = isTerminalPhase(api.phase) ? api.phase : merged.phase;
  const foreign = (api.conditions ?? []).filter(
    ({ type }) => !ownedConditions.includes(type) && type !== 'DisruptionTarget',
  );
  const disruption = [...(merged.conditions ?? []), ...(api.conditions ?? [])].find(
    ({ type }) => type === 'DisruptionTarget',
  );
  const own = (merged.conditions ?? []).filter(({ type }) => ownedConditions.includes(type));
  const startTime = api.startTime ?? merged.startTime;
  return {
    ...merged,
    ...(phase === undefined ? {} : { phase }),
    ...(startTime === undefined ? {} : { startTime }),
    conditions: [
      ...foreign,
      ...(disruption === undefined || (held && !hasDisruption(api)) ? [] : [disruption]),
      ...own,
    ].map((condition) => (isTerminalPhase(phase) ? notReady(condition) : condition)),
  };
}

function heldBack(api: PodStatus, desired: PodStatus): PodStatus {
  const { reason: _reason, message: _message, ...rest } = desired;
  return {
    ...rest,
    phase: api.phase ?? 'Pending',
    ...(api.reason === undefined ? {} : { reason: api.reason }),
    ...(api.message === undefined ? {} : { message: api.message }),
  };
}

function notReady(condition: PodCondition): PodCondition {
  if ((condition.type !== 'Ready' && condition.type !== 'ContainersReady') || condition.status !== 'True')
    return condition;
  return { ...condition, status: 'False' };
}

function hasDisruption(status: PodStatus): boolean {
  return (status.conditions ?? []).some(({ type }) => type === 'DisruptionTarget');
}

/** The last status of a pod that is over: what never ended is unknown, what never started failed (TerminatePod). */
export function finalStatus(status: PodStatus, pod: Pod): PodStatus {
  const ended = (
    list: readonly ContainerStatus[] | undefined,
    initialized: boolean,
  ): ContainerStatus[] | undefined =>
    list?.map((each) =>
      each.state?.terminated !== undefined ||
      (initialized && each.state?.waiting !== undefined && each.lastState?.terminated === undefined)
        ? each
        : asUnknown(each),
    );
  const init = ended(status.initContainerStatuses, false);
  const regular = ended(status.containerStatuses, false);
  const phase =
    isTerminalPhase(status.phase) || isStaticPod(pod)
      ? status.phase
      : isTerminalPhase(pod.status?.phase)
        ? pod.status?.phase
        : 'Failed';
  return {
    ...status,
    phase: phase ?? 'Failed',
    ...(init === undefined ? {} : { initContainerStatuses: init }),
    ...(regular === undefined ? {} : { containerStatuses: regular }),
  };
}

function asUnknown(status: ContainerStatus): ContainerStatus {
  const terminated = {
    exitCode: 137,
    reason: 'ContainerStatusUnknown',
    message: 'The container could not be located when the pod was terminated',
  };
  return { ...status, state: { terminated }, ready: false, started: false };
}

/** The status of a pod that the node refuses (pkg/kubelet/kubelet.go rejectPod). */
export function rejectedStatus(
  pod: Pod,
  { reason, message }: { reason: string; message: string },
  now: number,
): PodStatus {
  return {
    ...pod.status,
    phase: 'Failed',
    reason,
    message: `Pod was rejected: ${message}`,
    startTime: pod.status?.startTime ?? rfc3339(now),
    ...(pod.metadata.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
  };
}
