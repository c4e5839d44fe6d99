/** A pod's phase from its container statuses (pkg/kubelet/kubelet_pods.go getPhase). Pure. */
import { isSidecar } from '../../model/containers.ts';
import type { Container, ContainerStatus, Pod } from '../../model/kube.ts';
import { isStaticPod } from '../../model/pod-source.ts';
import { restartingAllContainers } from '../../runtime/decide/restart-all.ts';
import { restartsAfter } from '../../runtime/decide/restart-decision.ts';

export type PodPhase = 'Pending' | 'Running' | 'Succeeded' | 'Failed';

export interface PhaseInput {
  readonly pod: Pod;
  readonly init: readonly ContainerStatus[];
  readonly regular: readonly ContainerStatus[];
  /** the pod is past restarting anything */
  readonly isTerminal: boolean;
  /**
   * a regular container was made in the sandbox that serves now: sidecars that begin again don't make the pod
   * pending
   */
  readonly isInitialized: boolean;
}

export function podPhase({ pod, init, regular, isTerminal, isInitialized }: PhaseInput): PodPhase {
  const start = initialization(pod, init);
  if (start.failed) return 'Failed';
  const counts: Counts = { unknown: 0, running: 0, waiting: 0, stopped: 0, succeeded: 0, restarting: 0 };
  const sidecarsPend = countSidecars(counts, pod, init);
  for (const spec of pod.spec.containers)
    count(
      counts,
      pod,
      spec,
      regular.find(({ name }) => name === spec.name),
    );
  // a static pod that is stopped is not over: its file decides
  const isOver = isTerminal && !isStaticPod(pod);
  if (start.pending || (sidecarsPend && !isInitialized)) return isOver ? 'Failed' : 'Pending';
  if (counts.waiting > 0 || counts.unknown > 0) return 'Pending';
  if (counts.running > 0) return 'Running';
  if (counts.stopped === 0) return 'Pending';
  if (!isOver && counts.restarting > 0) return 'Running';
  return counts.stopped === counts.succeeded ? 'Succeeded' : 'Failed';
}

interface Counts {
  unknown: number;
  running: number;
  waiting: number;
  stopped: number;
  succeeded: number;
  restarting: number;
}

function count(counts: Counts, pod: Pod, spec: Container, status: ContainerStatus | undefined): void {
  const { running, waiting, terminated } = status?.state ?? {};
  if (running !== undefined) counts.running += 1;
  else if (terminated !== undefined) {
    counts.stopped += 1;
    if (terminated.exitCode === 0) counts.succeeded += 1;
    if (restarts(pod, spec, terminated)) counts.restarting += 1;
  } else if (waiting === undefined) counts.unknown += 1;
  else {
    const last = status?.lastState?.terminated;
    if (last === undefined) counts.waiting += 1;
    else {
      // it waits to begin again: how it ended last is no success of the pod
      counts.stopped += 1;
      if (restarts(pod, spec, last)) counts.restarting += 1;
    }
  }
}

/**
 * Sidecars that run keep the pod running; those that have ended count for nothing. True: some have yet to
 * start.
 */
function countSidecars(counts: Counts, pod: Pod, init: readonly ContainerStatus[]): boolean {
  let pend = false;
  for (const spec of (pod.spec.initContainers ?? []).filter(isSidecar)) {
    const status = init.find(({ name }) => name === spec.name);
    const { running, waiting, terminated } = status?.state ?? {};
    if (running !== undefined) {
      counts.running += 1;
      pend ||= status?.started !== true;
    } else if (terminated === undefined && status?.lastState?.terminated === undefined) {
      pend = true;
      counts[waiting === undefined ? 'unknown' : 'waiting'] += 1;
    }
  }
  return pend;
}

/** How far the init containers that end have come. */
function initialization(pod: Pod, init: readonly ContainerStatus[]): { failed: boolean; pending: boolean } {
  let [failed, pending] = [false, false];
  for (const spec of pod.spec.initContainers ?? []) {
    if (isSidecar(spec)) continue;
    const status = init.find(({ name }) => name === spec.name);
    const { waiting, terminated } = status?.state ?? {};
    const ended = terminated ?? (waiting === undefined ? undefined : status?.lastState?.terminated);
    if (ended === undefined) pending = true;
    else if (ended.exitCode !== 0 && !restarts(pod, spec, ended)) failed = true;
  }
  return { failed, pending };
}

function restarts(pod: Pod, spec: Container, ended: { exitCode: number; reason?: string }): boolean {
  return restartsAfter(pod, spec, ended.exitCode) || ended.reason === restartingAllContainers;
}
