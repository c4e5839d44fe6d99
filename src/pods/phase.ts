/** A pod's phase from its container statuses (pkg/kubelet/kubelet_pods.go getPhase). Pure. */
import { isSidecar } from '../model/containers.ts';
import type { Container, ContainerStatus, Pod } from '../model/kube.ts';
import { isStaticPod } from '../model/pod-source.ts';
import { restartingAllContainers } from '../runtime/restart-all.ts';
import { restartsAfter } from '../runtime/restart-decision.ts';

export type PodPhase = 'Pending' | 'Running' | 'Succeeded' | 'Failed';

export interface PhaseInput {
  readonly pod: Pod;
  readonly init: readonly ContainerStatus[];
  readonly regular: readonly ContainerStatus[];
  /** the pod is past restarting anything */
  readonly isTerminal: boolean;
}

export function podPhase({ pod, init, regular, isTerminal }: PhaseInput): PodPhase {
  const started = regular.some(
    (status) =>
      status.state?.running !== undefined ||
      status.state?.terminated !== undefined ||
      status.lastState?.terminated !== undefined,
  );
  const initialization = initPhase(pod, init, { isTerminal, started });
  if (initialization !== undefined) return initialization;
  const counts = { unknown: 0, running: 0, waiting: 0, stopped: 0, succeeded: 0, restarting: 0 };
  for (const spec of pod.spec.containers) {
    const status = regular.find(({ name }) => name === spec.name);
    if (status === undefined) counts.unknown += 1;
    else if (status.state?.running !== undefined) counts.running += 1;
    else count(counts, pod, spec, status);
  }
  // a sidecar that still runs keeps the pod running, but does not make it so
  const sidecarRuns = (pod.spec.initContainers ?? []).some(
    (spec) =>
      isSidecar(spec) &&
      init.some((status) => status.name === spec.name && status.state?.running !== undefined),
  );
  if (counts.waiting > 0) return 'Pending';
  if ((counts.running > 0 || (sidecarRuns && counts.stopped > 0)) && counts.unknown === 0) return 'Running';
  if (counts.running === 0 && counts.stopped > 0 && counts.unknown === 0) {
    // a static pod that is stopped is not over: its file decides
    if ((!isTerminal || isStaticPod(pod)) && counts.restarting > 0) return 'Running';
    return counts.stopped === counts.succeeded ? 'Succeeded' : 'Failed';
  }
  return 'Pending';
}

interface Counts {
  unknown: number;
  waiting: number;
  stopped: number;
  succeeded: number;
  restarting: number;
}

function count(counts: Counts, pod: Pod, spec: Container, status: ContainerStatus): void {
  const ended =
    status.state?.terminated ??
    (status.state?.waiting === undefined ? undefined : status.lastState?.terminated);
  if (ended === undefined) {
    if (status.state?.waiting === undefined) counts.unknown += 1;
    else counts.waiting += 1;
    return;
  }
  counts.stopped += 1;
  if (ended.exitCode === 0) counts.succeeded += 1;
  if (restartsAfter(pod, spec, ended.exitCode) || ended.reason === restartingAllContainers)
    counts.restarting += 1;
}

/** The phase while initialization is not over, undefined once it is. */
function initPhase(
  pod: Pod,
  init: readonly ContainerStatus[],
  { isTerminal, started }: { isTerminal: boolean; started: boolean },
): PodPhase | undefined {
  let pending = false;
  for (const spec of pod.spec.initContainers ?? []) {
    const status = init.find(({ name }) => name === spec.name);
    if (isSidecar(spec)) {
      if (status?.started !== true && !started) pending = true;
      continue;
    }
    const ended = status?.state?.terminated ?? status?.lastState?.terminated;
    const isRunning = status?.state?.running !== undefined;
    if (
      ended !== undefined &&
      !isRunning &&
      ended.exitCode !== 0 &&
      (isTerminal || !restartsAfter(pod, spec, ended.exitCode)) &&
      ended.reason !== restartingAllContainers
    )
      return 'Failed';
    if (status?.state?.terminated?.exitCode !== 0) pending = true;
  }
  return pending && !started ? (isTerminal ? 'Failed' : 'Pending') : undefined;
}
