/**
 * The SyncLoop (kubelet: pkg/kubelet/kubelet.go syncLoopIteration): takes what the sources tell and hands it
 * to the pods' workers. It decides who is to work and never works itself.
 *
 * I1. An iteration is synchronous: it waits for nothing, so no pod can hold up another. It is about a few
 *     pods that have changed, so that it holds up nothing else of the process either.
 * I2. It starts only once the runtime has been seen, so that nothing is judged on half a view. What no source
 *     names is for housekeeping to judge, which its owner calls only when every source has reported.
 * I3. An exception over one pod costs that pod alone: its newest change is kept and tried again with the next
 *     housekeeping.
 */
import type { Faults } from '../model/faults.ts';
import type { Log } from '../model/log.ts';
import type { ObjectReference, Pod } from '../model/kube.ts';
import { isTerminalPhase } from '../model/holds.ts';
import { podFields, podReference } from '../model/pod-ref.ts';
import { isMirrorPod } from '../model/pod-source.ts';
import type { PodChange } from '../model/pod-update.ts';
import type { WorkerState } from './workers/worker-state.ts';
import type { Clock } from '../util/clock.ts';
import { nextTurn } from '../util/turn.ts';
import { activePods } from './active-pods.ts';
import type { PodTable } from './pod-table.ts';
import { MOST_PODS, queued, type SyncBatch, type SyncEventKind, type SyncQueue } from './sync-queue.ts';
import type { Refusal } from '../resources/admission/refusal.ts';
import type { AdmissionVerdict, WaitingVerdict } from '../resources/admission/verdict.ts';

/** The part of the workers the loop drives. */
export interface Workers {
  update(pod: Pod): void;
  remove(uid: string): void;
  wake(uid: string): void;
  wakeAll(): void;
  state(uid: string): WorkerState | undefined;
}

/** What pods are granted of the host (resources/allocation-manager.ts). */
export interface Allocations {
  admit(pod: Pod, active: readonly Pod[], options: { nodeIsFresh: boolean }): AdmissionVerdict;
  /** the newest object of a pod that was admitted */
  offer(pod: Pod): void;
  /** the pod with the resources that it was granted */
  granted(pod: Pod): Pod;
  /** Grants resizes that wait, as far as there is room; those pods whose status has something new to tell. */
  retryResizes(find: (uid: string) => Pod | undefined): readonly Pod[];
}

export interface SyncLoopOptions {
  readonly queue: SyncQueue;
  readonly table: PodTable;
  readonly workers: Workers;
  readonly allocations: Allocations;
  readonly clock: Clock;
  readonly log: Log;
  /** resolves when the runtime and the node are known */
  readonly sourcesReady: Promise<void>;
  /** makes room for a critical pod; which resource is short */
  readonly preempt: (victim: Pod, shortOf: string) => void;
  /** Reads the Node's labels and taints again. Resolves whether or not that succeeds. */
  readonly refreshNode: () => Promise<void>;
  readonly onRejected: (pod: Pod, verdict: Refusal) => void;
  /** the API server's newest word on a pod whose spec did not change */
  readonly onReconcile: (pod: Pod) => void;
  readonly onRemoved: (pod: Pod) => void;
  /** the picture of a static pod on the API server: shown to its keeper, never run */
  readonly onMirror: (change: PodChange) => void;
  readonly housekeeping: () => void;
  readonly faults: Faults;
  readonly observer: {
    event(kind: SyncEventKind, count: number): void;
    iteration(seconds: number): void;
  };
}

export class SyncLoop {
  readonly #options: SyncLoopOptions;
  readonly #started = Promise.withResolvers<undefined>();
  /** pods that wait to be admitted, by what they wait for: they have no worker yet */
  readonly #pending = new Map<string, WaitingVerdict['waitsFor']>();
  /** changes whose handling threw, the newest of each pod; at most as many as there are pods */
  readonly #failed = new Map<string, PodChange>();
  #lastEntered: number | undefined;

  constructor(options: SyncLoopOptions) {
    this.#options = options;
  }

  /** ms on the monotonic clock of the last iteration, for the `syncloop` health check. */
  get lastEntered(): number | undefined {
    return this.#lastEntered;
  }

  /** Resolves when the loop is under way. */
  get started(): Promise<unknown> {
    return this.#started.promise;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { queue, clock, log, observer, sourcesReady } = this.#options;
    await sourcesReady;
    log.info({}, 'sync loop starts');
    this.#started.resolve(undefined);
    for (;;) {
      const batch = await queue.take(signal);
      if (batch === undefined) return;
      if (takesTurns(batch)) await nextTurn();
      if (signal.aborted) return;
      const started = clock.monotonic();
      this.#lastEntered = started;
      this.#iterate(batch);
      observer.iteration((clock.monotonic() - started) / 1000);
    }
  }

  #iterate(batch: SyncBatch): void {
    const { workers, observer, housekeeping } = this.#options;
    if (batch.housekeeping) this.#retryFailed();
    for (const change of batch.config) this.#contained(change);
    if (batch.host) workers.wakeAll();
    this.#admitPending(batch);
    for (const uid of union(batch.pleg, batch.sync, batch.probe)) workers.wake(uid);
    if (batch.housekeeping) {
      this.#attempt(() => {
        this.#retryResizes();
      });
      this.#attempt(housekeeping);
    }
    const counts = {
      config: batch.config.length,
      pleg: batch.pleg.size,
      sync: batch.sync.size,
      probe: batch.probe.size,
    };
    for (const kind of queued) {
      if (counts[kind] > 0) observer.event(kind, counts[kind]);
    }
    if (batch.host) observer.event('host', 1);
    if (batch.housekeeping) observer.event('housekeeping', 1);
  }

  /** Sees to one change; what throws over it is kept for later. */
  #contained(change: PodChange): void {
    const { uid } = change.pod.metadata;
    // one that was never admitted still is to be
    const isNew = this.#failed.get(uid)?.kind === 'add' && change.kind !== 'remove';
    const whole: PodChange = isNew ? { ...change, kind: 'add' } : change;
    this.#failed.delete(uid);
    this.#attempt(
      () => {
        this.#onChange(whole);
      },
      { about: podReference(change.pod), onFailure: () => this.#failed.set(uid, whole) },
    );
  }

  #retryFailed(): void {
    for (const change of [...this.#failed.values()]) this.#contained(change);
  }

  #attempt(
    work: () => void,
    { about, onFailure }: { about?: ObjectReference; onFailure?: () => unknown } = {},
  ): void {
    try {
      work();
    } catch (error) {
      onFailure?.();
      this.#options.faults.report('sync-loop', error, about);
    }
  }

  #onChange(change: PodChange): void {
    const { table, workers, onReconcile, onRemoved, onMirror } = this.#options;
    const { pod } = change;
    const { uid } = pod.metadata;
    if (isMirrorPod(pod)) {
      onMirror(change);
      return;
    }
    if (change.kind === 'remove') {
      this.#pending.delete(uid);
      table.delete(uid);
      workers.remove(uid);
      onRemoved(pod);
      return;
    }
    table.set(pod);
    onReconcile(pod);
    if (change.kind === 'add' && !this.#admitted(pod)) return;
    if (this.#pending.has(uid)) {
      if (pod.metadata.deletionTimestamp === undefined) return;
      this.#pending.delete(uid);
    }
    // a rejected pod never had a worker; once it is deleted one is needed to let its object go
    if (table.isRejected(uid) && pod.metadata.deletionTimestamp === undefined) return;
    if (change.kind !== 'reconcile' || mattersToWorker(pod)) this.#dispatch(pod);
  }

  /** The worker gets its pod with the granted resources; a request beyond them waits for room. */
  #dispatch(pod: Pod): void {
    const { workers, allocations } = this.#options;
    allocations.offer(pod);
    this.#retryResizes();
    workers.update(allocations.granted(pod));
  }

  #retryResizes(): void {
    const { table, workers, allocations } = this.#options;
    const running = (uid: string): Pod | undefined =>
      workers.state(uid)?.at === 'syncing' ? table.get(uid) : undefined;
    for (const pod of allocations.retryResizes(running)) workers.update(allocations.granted(pod));
  }

  /** Whether a worker may take the pod now: one that is done or leaving is not judged any more. */
  #admitted(pod: Pod): boolean {
    const { table, allocations, onRejected, log } = this.#options;
    if (isTerminalPhase(pod.status?.phase) || pod.metadata.deletionTimestamp !== undefined) return true;
    const { uid } = pod.metadata;
    const nodeIsFresh = this.#pending.get(uid) === 'node';
    const others = activePods(this.#options).filter(({ metadata }) => metadata.uid !== uid);
    const verdict = allocations.admit(pod, others, { nodeIsFresh });
    if (verdict.kind === 'waits') {
      this.#pending.set(uid, verdict.waitsFor);
      log.info({ ...podFields(pod.metadata), waitsFor: verdict.waitsFor }, 'pod waits to be admitted');
      this.#seeTo(uid, verdict);
      return false;
    }
    this.#pending.delete(uid);
    if (verdict.kind === 'admitted') return true;
    table.reject(uid);
    log.info({ ...podFields(pod.metadata), reason: verdict.reason }, 'pod rejected');
    onRejected(pod, verdict);
    return false;
  }

  /** Does what the pod waits for. It is judged again when its time has come. */
  #seeTo(uid: string, verdict: WaitingVerdict): void {
    const { preempt, refreshNode, queue } = this.#options;
    if (verdict.waitsFor === 'victims')
      for (const victim of verdict.victims) preempt(victim, verdict.shortOf);
    else
      void refreshNode().finally(() => {
        queue.due(uid);
      });
  }

  /** Room may have been made at any time; the Node was read when the pod is due. */
  #admitPending(batch: SyncBatch): void {
    const { table } = this.#options;
    for (const [uid, waitsFor] of [...this.#pending]) {
      const isTime = waitsFor === 'node' ? batch.sync.has(uid) : batch.housekeeping;
      const pod = isTime ? table.get(uid) : undefined;
      if (pod !== undefined)
        this.#attempt(() => {
          if (this.#admitted(pod)) this.#dispatch(pod);
        });
    }
  }
}

/**
 * Of many pods, or of many nodes at once, others have their turn in between: what is regular is due on the
 * same tick for some of them.
 */
function takesTurns({ config, pleg, sync, probe, housekeeping }: SyncBatch): boolean {
  const isFull = [config.length, pleg.size, probe.size].some((pods) => pods >= MOST_PODS);
  return isFull || housekeeping || sync.size > 0;
}

/**
 * Of a status alone: an end that others have told, and conditions of others that the pod's readiness goes by.
 */
function mattersToWorker({ status, spec }: Pod): boolean {
  return isTerminalPhase(status?.phase) || (spec.readinessGates ?? []).length > 0;
}

function union(...sets: readonly ReadonlySet<string>[]): Set<string> {
  return new Set(sets.flatMap((set) => [...set]));
}
