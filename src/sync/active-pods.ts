/** Which pods hold what a node has (pkg/kubelet/kubelet_pods.go filterOutInactivePods). Pure. */
import type { Pod } from '../model/kube.ts';
import { holdsResources, type WorkerState } from './workers/worker-state.ts';

export interface ActivePodsOf {
  readonly table: { all(): readonly Pod[]; isRejected(uid: string): boolean };
  readonly workers: { state(uid: string): WorkerState | undefined };
}

/** The pods that hold resources of the node: neither refused nor over, whether or not they are being stopped. */
export function activePods({ table, workers }: ActivePodsOf): Pod[] {
  return table
    .all()
    .filter(({ metadata: { uid } }) => !table.isRejected(uid) && holdsResources(workers.state(uid)));
}
