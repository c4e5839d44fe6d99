/** Pure: which sandboxes and log folders have had their time (kuberuntime_gc.go). */
import type { PodRef } from '../../model/pod-ref.ts';
import type { ObservedSandbox, PodRuntimeState } from '../../model/runtime-state.ts';

/**
 * Sandboxes that are not ready and hold no containers: all but the newest of each pod, or all of a pod that
 * may be forgotten. Oldest first. `removed` are containers that are gone although the states still show them.
 */
export function sandboxesToCollect(
  states: readonly PodRuntimeState[],
  { forgettable, removed }: { forgettable: (uid: string) => boolean; removed: ReadonlySet<string> },
): ObservedSandbox[] {
  return states.flatMap((state) => {
    const inUse = new Set(
      state.containers.filter(({ id }) => !removed.has(id)).map(({ sandboxId }) => sandboxId),
    );
    return state.sandboxes
      .toSorted((a, b) => b.createdAt - a.createdAt || b.attempt - a.attempt)
      .slice(forgettable(state.uid) ? 0 : 1)
      .filter(({ id, ready }) => !ready && !inUse.has(id))
      .reverse();
  });
}

/**
 * The pod a folder of podLogsDir belongs to, by its name `<namespace>_<name>_<uid>`; undefined for any other.
 * Other agents may have folders there too: only those of pods known as one's own may ever be removed.
 */
export function podOfLogFolder(folder: string): PodRef | undefined {
  const [namespace, name, uid, ...rest] = folder.split('_');
  if (namespace === undefined || name === undefined || uid === undefined || rest.length > 0) return undefined;
  return namespace === '' || name === '' || uid === '' ? undefined : { uid, name, namespace };
}
