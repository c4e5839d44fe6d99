/**
 * How long pods take to start, as Kubernetes defines it (pkg/kubelet/util/pod_startup_latency_tracker.go):
 * from creation to when the watch shows that every container runs. Static pods are left out: the API server
 * did not ask for them.
 *
 * Of the time for the service level, image pulls and init containers are taken away; pods whose volumes keep
 * state, and pods that had to wait for a place, do not count. Each pod counts once. Only pods that are
 * starting are kept.
 */
import type { Pod, Volume } from '../model/kube.ts';
import { isSidecar } from '../model/containers.ts';
import { isTerminalPhase } from '../model/holds.ts';
import type { PodRuntimeState } from '../model/runtime-state.ts';

export interface PodStarted {
  readonly totalSeconds: number;
  /** undefined for pods that keep state */
  readonly sliSeconds: number | undefined;
  /** the first that has a network of its own and a `sliSeconds` */
  readonly isFirstNetworkPod: boolean;
}

export interface PodStartupOptions {
  /** ms since the epoch */
  readonly now: () => number;
  readonly onStarted: (started: PodStarted) => void;
}

interface Span {
  readonly from: number;
  readonly to: number;
}

interface Starting {
  readonly pulls: Span[];
  /** pulls that have not succeeded yet, oldest first */
  readonly pulling: number[];
  /** ms that init containers ran, by container id: a run is seen more than once */
  readonly initRuns: Map<string, number>;
  /** the status that says so was written */
  isWritten: boolean;
  /** when the watch showed it. Often before the write is answered, which must not lose the pod */
  shownAt: number | undefined;
}

/** Failed pulls of one pod that are remembered: the oldest is what counts. */
const MAX_PULLING = 64;

export class PodStartup {
  readonly #options: PodStartupOptions;
  readonly #starting = new Map<string, Starting>();
  /** pods that had no place at once: they never count */
  readonly #excluded = new Set<string>();
  #hasNetworkPod = false;

  constructor(options: PodStartupOptions) {
    this.#options = options;
  }

  /** The watch told of the pod. */
  observed(pod: Pod): void {
    const { uid } = pod.metadata;
    if (isTerminalPhase(pod.status?.phase)) {
      this.#starting.delete(uid);
      return;
    }
    const starting = this.#starting.get(uid);
    if (isUnschedulable(pod)) {
      if (starting === undefined && pod.status?.startTime !== undefined) return;
      this.#starting.delete(uid);
      this.#excluded.add(uid);
      return;
    }
    if (starting !== undefined) {
      if (hasStarted(pod)) starting.shownAt ??= this.#options.now();
      this.#countIfBoth(pod, starting);
      return;
    }
    // one that a former run, or another kubelet, has begun with can't be judged
    if (this.#excluded.has(uid) || pod.status?.startTime !== undefined) return;
    this.#starting.set(uid, {
      pulls: [],
      pulling: [],
      initRuns: new Map(),
      isWritten: false,
      shownAt: undefined,
    });
  }

  /** The pod's status was written. */
  written(pod: Pod): void {
    const starting = this.#starting.get(pod.metadata.uid);
    if (starting === undefined) return;
    starting.isWritten ||= hasStarted(pod);
    this.#countIfBoth(pod, starting);
  }

  pulling(uid: string): void {
    const starting = this.#starting.get(uid);
    if (starting !== undefined && starting.pulling.length < MAX_PULLING)
      starting.pulling.push(this.#options.now());
  }

  /** A pull succeeded. It lasted since the oldest try that has not yet: what failed before is part of it. */
  pulled(uid: string): void {
    const starting = this.#starting.get(uid);
    const from = starting?.pulling.shift();
    if (from !== undefined) starting?.pulls.push({ from, to: this.#options.now() });
  }

  /** What the runtime holds of the pod: its init containers' times are of one clock, the host's. */
  looked(pod: Pod, { containers }: Pick<PodRuntimeState, 'containers'>): void {
    const starting = this.#starting.get(pod.metadata.uid);
    const { initContainers = [] } = pod.spec;
    if (starting === undefined || initContainers.length === 0) return;
    const names = new Set(initContainers.filter((each) => !isSidecar(each)).map(({ name }) => name));
    for (const { id, name, state, startedAt, finishedAt } of containers)
      if (state === 'exited' && names.has(name) && startedAt > 0 && finishedAt > startedAt)
        starting.initRuns.set(id, (finishedAt - startedAt) / 1e6);
  }

  /** The pod is gone. */
  forget(uid: string): void {
    this.#starting.delete(uid);
    this.#excluded.delete(uid);
  }

  #countIfBoth(pod: Pod, { isWritten, shownAt, pulls, initRuns }: Starting): void {
    if (!isWritten || shownAt === undefined) return;
    // from here on its startTime says that it is not starting
    this.#starting.delete(pod.metadata.uid);
    const totalMs = shownAt - Date.parse(pod.metadata.creationTimestamp ?? '');
    if (Number.isNaN(totalMs)) return;
    const initMs = [...initRuns.values()].reduce((sum, ms) => sum + ms, 0);
    const counts = !keepsState(pod);
    const isFirstNetworkPod = counts && !this.#hasNetworkPod && pod.spec.hostNetwork !== true;
    this.#hasNetworkPod ||= isFirstNetworkPod;
    this.#options.onStarted({
      totalSeconds: totalMs / 1000,
      sliSeconds: counts ? (totalMs - coveredMs(pulls) - initMs) / 1000 : undefined,
      isFirstNetworkPod,
    });
  }
}

/** How long at least one of the spans lasted; they come in the order of their starts. */
export function coveredMs(spans: readonly Span[]): number {
  let end = -Infinity;
  return spans.reduce((sum, { from, to }) => {
    const added = Math.max(0, to - Math.max(from, end));
    end = Math.max(end, to);
    return sum + added;
  }, 0);
}

function hasStarted({ status }: Pod): boolean {
  const { containerStatuses = [] } = status ?? {};
  return containerStatuses.length > 0 && containerStatuses.every(({ state }) => state?.running?.startedAt);
}

function isUnschedulable({ status }: Pod): boolean {
  return (status?.conditions ?? []).some((each) => each.type === 'PodScheduled' && each.status === 'False');
}

function keepsState(pod: Pod): boolean {
  return (pod.spec.volumes ?? []).some((volume) => !isEphemeral(volume));
}

function isEphemeral({ secret, configMap, downwardAPI, emptyDir, projected }: Volume): boolean {
  return [secret, configMap, downwardAPI, emptyDir, projected].some((source) => source !== undefined);
}
