/**
 * How a wanted status meets the one the API server has (pkg/kubelet/status/status_manager.go mergePodStatus).
 * Pure.
 */
import { isSidecar } from '../../model/containers.ts';
import type { ContainerStatus, Pod, PodCondition, PodStatus } from '../../model/kube.ts';
import { isTerminalPhase } from '../../model/holds.ts';
import { podQosClass } from '../../model/pod-qos.ts';
import { isStaticPod } from '../../model/pod-source.ts';
import { rfc3339 } from '../../util/clock.ts';
import { ownedConditions } from './conditions.ts';

/**
 * Conditions of others stay as the API server has them; a terminal phase is held back while containers may
 * run, so that a pod is never Failed or Succeeded with something still running; a terminal pod is never
 * Ready.
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
    ].map((condition) => (isTerminalPhase(phase) ? notReady(condition, phase) : condition)),
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

function notReady(condition: PodCondition, phase: string | undefined): PodCondition {
  if ((condition.type !== 'Ready' && condition.type !== 'ContainersReady') || condition.status !== 'True')
    return condition;
  return { ...condition, status: 'False', reason: phase === 'Failed' ? 'PodFailed' : 'PodCompleted' };
}

function hasDisruption(status: PodStatus): boolean {
  return (status.conditions ?? []).some(({ type }) => type === 'DisruptionTarget');
}

/**
 * The last status of a pod that is over (TerminatePod): what never ended is unknown and counts as failed.
 * Containers that initialization never got to stay as they are.
 */
export function finalStatus(status: PodStatus, pod: Pod): PodStatus {
  const { initContainerStatuses: init, containerStatuses: regular } = status;
  const reached = init === undefined ? 0 : Math.max(1, 1 + init.findLastIndex(hasBegun));
  const phase =
    isTerminalPhase(status.phase) || isStaticPod(pod)
      ? status.phase
      : isTerminalPhase(pod.status?.phase)
        ? pod.status?.phase
        : 'Failed';
  return {
    ...status,
    phase: phase ?? 'Failed',
    ...(init === undefined
      ? {}
      : { initContainerStatuses: init.map((each, index) => (index < reached ? ended(each) : each)) }),
    ...(regular === undefined
      ? {}
      : { containerStatuses: isInitialized(pod, status) ? regular.map(ended) : regular }),
  };
}

function hasBegun({ state, lastState }: ContainerStatus): boolean {
  return state?.waiting === undefined || lastState?.terminated !== undefined;
}

/** hasPodInitialized: there is evidence that initialization came to its end. */
function isInitialized(pod: Pod, { initContainerStatuses, containerStatuses }: PodStatus): boolean {
  const last = (pod.spec.initContainers ?? []).at(-1);
  if (last === undefined || (containerStatuses ?? []).some(hasBegun)) return true;
  const status = initContainerStatuses?.find(({ name }) => name === last.name);
  if (isSidecar(last)) return status?.state?.running !== undefined && status.started === true;
  return [status?.state, status?.lastState].some((state) => state?.terminated?.exitCode === 0);
}

function ended(status: ContainerStatus): ContainerStatus {
  return status.state?.terminated === undefined ? asUnknown(status) : status;
}

function asUnknown(status: ContainerStatus): ContainerStatus {
  const terminated = {
    exitCode: 137,
    reason: 'ContainerStatusUnknown',
    message: 'The container could not be located when the pod was terminated',
  };
  return { ...status, state: { terminated }, ready: false, started: false };
}

/**
 * The status of a pod that the node refuses: nothing of an earlier one is kept but its start
 * (pkg/kubelet/kubelet.go rejectPod).
 */
export function rejectedStatus(
  pod: Pod,
  { reason, message }: { reason: string; message: string },
  now: number,
): PodStatus {
  return {
    phase: 'Failed',
    reason,
    message: `Pod was rejected: ${message}`,
    qosClass: pod.status?.qosClass ?? podQosClass(pod),
    startTime: pod.status?.startTime ?? rfc3339(now),
    ...(pod.metadata.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
  };
}
