/** Pure: which dead containers have had their time (kuberuntime_gc.go, pod_container_deletor.go). */
import type { Pod } from '../../model/kube.ts';
import type { ObservedContainer, PodRuntimeState } from '../../model/runtime-state.ts';

export interface DeadContainer {
  readonly container: ObservedContainer;
  readonly state: PodRuntimeState;
}

/**
 * Of each container name the newest `keep` dead ones stay; of a pod that may be forgotten none. Oldest first.
 * Running containers are never among them.
 */
export function containersToCollect(
  states: readonly PodRuntimeState[],
  { forgettable, keep }: { forgettable: (uid: string) => boolean; keep: number },
): DeadContainer[] {
  return states.flatMap((state) => {
    const dead = state.containers.filter((container) => container.state !== 'running');
    const names = Map.groupBy(dead, ({ name }) => name);
    const kept = forgettable(state.uid) ? 0 : keep;
    return [...names.values()].flatMap((group) =>
      newestFirst(group)
        .slice(kept)
        .reverse()
        .map((container) => ({ container, state })),
    );
  });
}

/**
 * What may go as soon as a container has died: of its name the exited ones beyond the newest `keep`; without
 * an id, of all containers of the pod together.
 */
export function exitedToRemove(
  state: PodRuntimeState,
  { diedId, keep }: { diedId?: string; keep: number },
): ObservedContainer[] {
  const died = state.containers.find(({ id }) => id === diedId);
  if (diedId !== undefined && died === undefined) return [];
  const exited = state.containers.filter(
    (container) => container.state === 'exited' && (died === undefined || container.name === died.name),
  );
  return newestFirst(exited).slice(keep);
}

/** Init containers whose records are not needed any more: all but the newest of each name, or all of them. */
export function initContainersToPrune(
  pod: Pod,
  state: PodRuntimeState,
  { all }: { all: boolean },
): ObservedContainer[] {
  return (pod.spec.initContainers ?? []).flatMap(({ name }) => {
    const own = state.containers.filter((container) => container.name === name);
    if (all) return own;
    return own.filter(({ state: at }) => at === 'exited' || at === 'unknown').slice(1);
  });
}

function newestFirst(containers: readonly ObservedContainer[]): ObservedContainer[] {
  return containers.toSorted((a, b) => b.createdAt - a.createdAt || b.attempt - a.attempt);
}
