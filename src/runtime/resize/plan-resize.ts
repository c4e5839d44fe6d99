/**
 * Which containers are to be resized and which restarted for it (kuberuntime_manager.go
 * computePodResizeAction). Pure.
 */
import { isSidecar, type PodContainer } from '../../model/containers.ts';
import type { Container, Pod } from '../../model/kube.ts';
import type { ContainerKill, PodActions } from '../../model/pod-actions.ts';
import {
  type ContainerResize,
  type ResizePlan,
  containerAmounts,
  requirementAmounts,
  sameAmounts,
  type ResourceAmounts,
} from '../../model/resource-amounts.ts';
import type { ObservedContainer, PodRuntimeState } from '../../model/runtime-state.ts';
import { killOf } from '../decide/init-actions.ts';

export interface Actuated {
  ofContainer(pod: Pod, container: Container, observed: ObservedContainer): ResourceAmounts;
  ofPod(pod: Pod): ResourceAmounts;
}

export interface ResizeInput {
  /** with the resources that it was granted */
  readonly pod: Pod;
  readonly state: PodRuntimeState;
  readonly actuated: Actuated;
}

/** The actions with the restarts that a resize asks for; `resize` only where there is something to do. */
export function planResize(
  input: ResizeInput,
  actions: PodActions,
): { readonly actions: PodActions; readonly resize: ResizePlan | undefined } {
  if (actions.killPod || actions.createSandbox) return { actions, resize: undefined };
  const killed = new Set(actions.kill.map(({ container }) => container.id));
  const changes = changedContainers(input).filter(({ id }) => !killed.has(id));
  const restarts = changes.filter(needsRestart);
  const updates = changes.filter((change) => !needsRestart(change));
  const podChanges = restarts.length > 0 || podDiffers(input);
  const withRestarts: PodActions = {
    ...actions,
    kill: [...actions.kill, ...restarts.map((change) => killFor(input.state, change))],
    startInit: [...actions.startInit, ...restarts.filter(isInit).map(asStart)],
    start: [...actions.start, ...restarts.filter((change) => !isInit(change)).map(asStart)],
  };
  if (updates.length === 0 && !podChanges) return { actions: withRestarts, resize: undefined };
  return {
    actions: withRestarts,
    resize: {
      memory: ordered(updates, 'memoryLimit', 'memoryRequest'),
      cpu: ordered(updates, 'cpuLimit', 'cpuRequest'),
      podChanges,
    },
  };
}

/** Whether something that runs is not yet as it was granted (IsPodResizeInProgress). */
export function isResizeInProgress(input: ResizeInput): boolean {
  // one that ends is sized with the pod's start, which nobody is told of as a resize
  const lasting = changedContainers(input).filter((change) => !isInit(change) || isSidecar(change.container));
  return lasting.length > 0 || podDiffers(input);
}

interface Change extends ContainerResize {
  readonly type: PodContainer['type'];
}

function changedContainers({ pod, state, actuated }: ResizeInput): Change[] {
  const all: [PodContainer['type'], Container[]][] = [
    ['init_container', pod.spec.initContainers ?? []],
    ['container', pod.spec.containers],
  ];
  return all.flatMap(([type, containers]) =>
    containers.flatMap((container) => {
      const observed = state.containers.find(({ name }) => name === container.name);
      if (observed?.state !== 'running') return [];
      const desired = containerAmounts(pod, container);
      const current = actuated.ofContainer(pod, container, observed);
      return sameAmounts(desired, current) ? [] : [{ type, container, id: observed.id, current, desired }];
    }),
  );
}

function podDiffers({ pod, actuated }: ResizeInput): boolean {
  return (
    pod.spec.resources !== undefined &&
    !sameAmounts(actuated.ofPod(pod), requirementAmounts(pod.spec.resources))
  );
}

function needsRestart({ container, current, desired }: ContainerResize): boolean {
  const restarts = (resource: string): boolean =>
    (container.resizePolicy ?? []).some(
      ({ resourceName, restartPolicy }) => resourceName === resource && restartPolicy === 'RestartContainer',
    );
  const cpu = current.cpuLimit !== desired.cpuLimit || current.cpuRequest !== desired.cpuRequest;
  const memory =
    current.memoryLimit !== desired.memoryLimit || current.memoryRequest !== desired.memoryRequest;
  return (cpu && restarts('cpu')) || (memory && restarts('memory'));
}

/** A limit decides; where it stays, the request does. */
function ordered(
  updates: readonly ContainerResize[],
  limit: keyof ResourceAmounts,
  request: keyof ResourceAmounts,
): ContainerResize[] {
  let list: ContainerResize[] = [];
  for (const update of updates) {
    const { current, desired } = update;
    const key = current[limit] === desired[limit] ? request : limit;
    if (desired[key] > current[key]) list = [...list, update];
    else if (desired[key] < current[key]) list = [update, ...list];
  }
  return list;
}

function killFor(state: PodRuntimeState, { container, id }: Change): ContainerKill {
  const observed = state.containers.find((each) => each.id === id);
  if (observed === undefined) throw new Error(`container ${id} was not observed`);
  return killOf(observed, `Container ${container.name} resize requires restart`, 'resized');
}

function isInit({ type }: Pick<Change, 'type'>): boolean {
  return type === 'init_container';
}

function asStart({ type, container }: Change): PodContainer {
  return { type, spec: container, sidecar: isInit({ type }) && isSidecar(container) };
}
