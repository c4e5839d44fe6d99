/** Which pods hold what a host has (pkg/kubelet/kubelet_pods.go filterOutInactivePods). Pure. */
import type { Pod } from '../model/kube.ts';
import { runsContainer } from '../model/holds.ts';
import type { PodRuntimeState } from '../model/runtime-state.ts';
import { holdsResources, type WorkerState } from './workers/worker-state.ts';

export interface ActivePodsOf {
  readonly table: { all(): readonly Pod[]; isRejected(uid: string): boolean };
  readonly workers: { state(uid: string): WorkerState | undefined };
}

/**
 * The pods that hold resources of the node: neither refused nor over, whether or not they are being stopped.
 */
export function activePods({ table, workers }: ActivePodsOf): Pod[] {
  return table
    .all()
    .filter(({ metadata: { uid } }) => !table.isRejected(uid) && holdsResources(workers.state(uid)));
}

/** Whether CPUs are kept for a pod: it is not over yet, or only the runtime knows it and it still runs. */
export function keepsCpus(
  uid: string,
  {
    table,
    workers,
    allocations,
    cache,
  }: ActivePodsOf & {
    readonly allocations: { isAdmitted(uid: string): boolean };
    readonly cache: { get(uid: string): PodRuntimeState | undefined };
  },
): boolean {
  const state = workers.state(uid);
  if (state !== undefined) return holdsResources(state);
  if (table.isRejected(uid)) return false;
  // its worker is just being made
  if (allocations.isAdmitted(uid)) return true;
  const held = cache.get(uid);
  return held !== undefined && runsContainer(held);
}
