/**
 * What the runtime holds of a pod, as far as it matters to others, and when it will hold nothing more. Pure.
 */
import type { Pod } from './kube.ts';
import type { PodRef } from './pod-ref.ts';
import type { PodRuntimeState } from './runtime-state.ts';

/** Something of the pod runs, or what was seen of it is not all there is. */
export function mayRun(state: PodRuntimeState | undefined): boolean {
  return state !== undefined && (state.fault !== undefined || runs(state));
}

/** Something of the pod was seen to run: a container, or a sandbox alone. */
export function runs(state: PodRuntimeState): boolean {
  return runsContainer(state) || state.sandboxes.some(({ ready }) => ready);
}

/** A container of another pod of the same name runs, and no source names that pod any more. */
export function runsNamesake(
  states: readonly PodRuntimeState[],
  { uid, name, namespace }: PodRef,
  isKnown: (uid: string) => boolean,
): boolean {
  return states.some(
    (other) =>
      other.uid !== uid &&
      other.name === name &&
      other.namespace === namespace &&
      !isKnown(other.uid) &&
      runsContainer(other),
  );
}

/** Every container that the pod is to have runs, in a sandbox that is ready. */
export function isUp(pod: Pick<Pod, 'spec'>, state: PodRuntimeState | undefined): boolean {
  return state !== undefined && state.sandboxes.some(({ ready }) => ready) && runsAll(pod, state);
}

/** The newest of every container that the pod is to have runs, as far as all of it was seen. */
export function runsAll({ spec }: Pick<Pod, 'spec'>, { containers, fault }: PodRuntimeState): boolean {
  return (
    fault === undefined &&
    spec.containers.every(({ name }) => containers.find((each) => each.name === name)?.state === 'running')
  );
}

export function runsContainer({ containers }: PodRuntimeState): boolean {
  return containers.some(({ state }) => state === 'running');
}

/** Succeeded and Failed are final: nothing of the pod will run again. */
export function isTerminalPhase(phase: string | undefined): boolean {
  return phase === 'Failed' || phase === 'Succeeded';
}
