/**
 * RestartAllContainers: a container that exits as its rule says has the whole pod begin again in its sandbox
 * (KEP 5532; pkg/kubelet/container/helpers.go ShouldAllContainersRestart, kuberuntime_manager.go
 * getContainersToReset). Pure.
 */
import { findContainerStatus, specContainers } from '../../model/containers.ts';
import type { Container, Pod, PodStatus } from '../../model/kube.ts';
import type { ContainerReset } from '../../model/pod-actions.ts';
import type { ObservedContainer, PodRuntimeState } from '../../model/runtime-state.ts';
import { matchingRule } from './restart-decision.ts';

/** Reason of the waiting and terminated states that such a restart leaves. */
export const restartingAllContainers = 'RestartingAllContainers';

const action = 'RestartAllContainers';

/** Whether some container of the pod may ever ask for it. */
export function couldRestartAll(pod: Pod): boolean {
  return specContainers(pod.spec).some(({ restartPolicyRules }) =>
    (restartPolicyRules ?? []).some((rule) => rule.action === action),
  );
}

/** Whether a container has asked for it: as the runtime shows it, or else as the status last told. */
export function restartsAll(pod: Pod, state: PodRuntimeState, status?: PodStatus): boolean {
  return specContainers(pod.spec).some((spec) => {
    const observed = state.containers.find(({ name }) => name === spec.name);
    if (observed !== undefined) return asks(spec, observed);
    const exitCode = findContainerStatus(status, spec.name)?.state?.terminated?.exitCode;
    return exitCode !== undefined && matchingRule(spec, exitCode)?.action === action;
  });
}

/** Whether the pod's containers are to be taken away now: asked for, and some of them are still there. */
export function mustReset(pod: Pod, state: PodRuntimeState, status?: PodStatus): boolean {
  return restartsAll(pod, state, status) && specContainers(pod.spec).some(({ name }) => has(state, name));
}

/**
 * Every record of every container, in the order in which they go. Those that asked go last: as long as they
 * are there, anybody can see what is under way.
 */
export function containersToReset(pod: Pod, state: PodRuntimeState): ContainerReset[] {
  const records = (specs: readonly Container[]): { asked: boolean; reset: ContainerReset }[] =>
    specs.flatMap((spec) =>
      state.containers
        .filter(({ name }) => name === spec.name)
        .map((container) => ({
          asked: asks(spec, container),
          reset: { container, kill: container.state !== 'exited' },
        })),
    );
  const init = records(pod.spec.initContainers ?? []);
  const regular = records(pod.spec.containers);
  const those = (list: typeof init, asked: boolean): ContainerReset[] =>
    list.filter((each) => each.asked === asked).map(({ reset }) => reset);
  return [...those(regular, false), ...those(init, false), ...those(regular, true), ...those(init, true)];
}

function asks(spec: Container, { state, exitCode }: ObservedContainer): boolean {
  return state === 'exited' && matchingRule(spec, exitCode)?.action === action;
}

function has(state: PodRuntimeState, name: string): boolean {
  return state.containers.some((container) => container.name === name);
}
