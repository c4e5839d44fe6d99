/**
 * One worker per pod UID (kubelet: pod_workers.go), and one-off stops for pods that only the runtime knows.
 */
import type { Faults } from '../../model/faults.ts';
import type { Log } from '../../model/log.ts';
import type { Pod } from '../../model/kube.ts';
import { podFields, type PodRef } from '../../model/pod-ref.ts';
import { isStaticPod, podFullName } from '../../model/pod-source.ts';
import type { KillOrder } from '../../model/pod-update.ts';
import type { Clock } from '../../util/clock.ts';
import type { FewAtOnce } from '../../util/few-at-once.ts';
import type { PodSyncer } from './pod-syncer.ts';
import { PodWorker, type StepKind } from './pod-worker.ts';
import { initialState, type WorkerEvent, type WorkerState } from './worker-state.ts';
import { workersLoad, type WorkersLoad } from './workers-load.ts';
import { lifecycleOf, type WorkingPod } from './working-pods.ts';

export interface PodWorkersOptions {
  /** ms until the first round of housekeeping that is so many ms away, or more */
  readonly untilRound: (ms: number) => number;
  readonly clock: Clock;
  readonly log: Log;
  readonly faults: Faults;
  readonly signal: AbortSignal;
  readonly runtimeHolds: (uid: string) => boolean;
  /** pods that ran before farlet did are taken up so, by all workers of the process */
  readonly takingUp: Pick<FewAtOnce, 'begin'>;
  /** nothing is to be done for the pod but to go on: all of it runs, as far as is known */
  readonly isUp: (pod: Pod) => boolean;
  /** the runtime runs another pod of this one's name, which nobody wants any more */
  readonly runtimeHoldsNamesake?: (pod: Pod) => boolean;
  readonly onDue: (uid: string) => void;
  readonly onStep: (kind: StepKind, seconds: number) => void;
  /** a pod that is to run has its worker */
  readonly onStarted?: (pod: Pod) => void;
  /** a pod came again with the UID of one that was removed, and begins anew */
  readonly onRestarted?: (pod: Pod) => void;
  /** a pod whose object is gone is done with */
  readonly onForgotten?: (uid: string) => void;
}

interface WaitingPod {
  readonly pod: Pod;
  readonly isRestart: boolean;
  /** monotonic ms */
  readonly since: number;
}

interface UntakenPod {
  /** monotonic ms */
  readonly since: number;
  readonly cancel: () => void;
}

export class PodWorkers {
  readonly #options: PodWorkersOptions;
  #syncer: PodSyncer | undefined;
  readonly #workers = new Map<string, PodWorker>();
  readonly #removed = new Set<string>();
  /** pods that may not start yet, oldest first: what has their UID or their static name still stops */
  readonly #waiting = new Map<string, WaitingPod>();
  /** pods that run already, and wait for their first sync: it will see what comes until then */
  readonly #untaken = new Map<string, UntakenPod>();
  readonly #orphans = new Map<string, Promise<void>>();
  readonly #moved = (): void => {
    this.#revision += 1;
  };
  #revision = 0;

  constructor(options: PodWorkersOptions) {
    this.#options = options;
  }

  /** Sets what does the pods' steps; it needs the workers in turn. Once, before there is any pod. */
  attach(syncer: PodSyncer): void {
    this.#syncer = syncer;
  }

  /**
   * Hands the newest object of a pod to its worker, which is made if need be. A pod whose UID was removed and
   * came again starts once its former self is done; static pods of one name run strictly one after the other
   * (pod_workers.go allowPodStart).
   */
  update(pod: Pod): void {
    const uid = pod.metadata.uid;
    const worker = this.#workers.get(uid);
    if (worker !== undefined && !this.#removed.has(uid)) {
      this.#offer(worker, { kind: 'pod', pod });
      return;
    }
    const isRestart = worker !== undefined || this.#waiting.get(uid)?.isRestart === true;
    const since = this.#waiting.get(uid)?.since ?? this.#options.clock.monotonic();
    this.#waiting.set(uid, { pod, isRestart, since });
    this.startWaiting();
  }

  /** Starts what waited for another pod to end, where that has ended. Called again costs little. */
  startWaiting(): void {
    for (const [uid, { pod, isRestart }] of this.#waiting) {
      if (this.#mustWait(pod)) continue;
      this.#waiting.delete(uid);
      const started = this.#start(pod);
      this.#workers.set(uid, started);
      this.#moved();
      if (isRestart) this.#options.onRestarted?.(pod);
      const isSyncing = started.state.at === 'syncing';
      if (isSyncing) this.#options.onStarted?.(pod);
      if (isSyncing && this.#options.isUp(pod)) this.#takeUp(started);
      else started.wake();
    }
  }

  /** Whether a static pod of this full name is known here and not done with. */
  holdsName(fullName: string): boolean {
    return [...this.#workers.values()].some(
      ({ state }) => state.at !== 'finished' && isStaticPod(state.pod) && podFullName(state.pod) === fullName,
    );
  }

  /** The object is gone: what still runs is stopped, and the worker forgotten once it is done. */
  remove(uid: string): void {
    this.#waiting.delete(uid);
    const worker = this.#workers.get(uid);
    if (worker === undefined) return;
    this.#removed.add(uid);
    if (worker.state.at === 'finished') this.#forget(uid);
    else this.#offer(worker, { kind: 'kill', order: {} });
  }

  /** Stops a pod although its object does not ask for it: an eviction. A pod that is over stays so. */
  kill(uid: string, order: KillOrder): void {
    const worker = this.#workers.get(uid);
    if (worker !== undefined) this.#offer(worker, { kind: 'kill', order });
  }

  wake(uid: string): void {
    const worker = this.#workers.get(uid);
    if (worker === undefined) return;
    if (this.#untaken.has(uid)) {
      if (this.#options.isUp(worker.pod)) return;
      this.#taken(uid);
    }
    worker.wake();
  }

  wakeAll(): void {
    for (const uid of this.#workers.keys()) this.wake(uid);
  }

  state(uid: string): WorkerState | undefined {
    return this.#workers.get(uid)?.state;
  }

  /** Grows whenever `working` or a pod's state may have changed. */
  get revision(): number {
    return this.#revision;
  }

  /** All that are worked for now, for kubelet_working_pods. */
  working(): WorkingPod[] {
    return [
      ...[...this.#workers].map(([uid, { state }]): WorkingPod => ({
        lifecycle: lifecycleOf(state),
        config: this.#removed.has(uid) ? 'orphan' : 'desired',
        static: isStaticPod(state.pod) ? 'true' : '',
      })),
      ...[...this.#orphans.keys()].map((): WorkingPod => ({
        lifecycle: 'terminating',
        config: 'runtime_only',
        static: 'unknown',
      })),
    ];
  }

  /** What the workers do now, for farlet_pod_workers. */
  load(): WorkersLoad {
    const { clock } = this.#options;
    const busyForMs = [...this.#workers]
      .filter(([uid]) => !this.#untaken.has(uid))
      .map(([, worker]) => worker.busyForMs);
    const waiting = [...this.#waiting.values(), ...this.#untaken.values()];
    const waitingForMs = waiting.map(({ since }) => clock.monotonic() - since);
    return workersLoad(busyForMs, waitingForMs);
  }

  /** Stops a pod that only the runtime knows, unless that is under way. */
  stopOrphan(pod: PodRef): void {
    if (this.#orphans.has(pod.uid) || this.#workers.has(pod.uid)) return;
    const { log, signal } = this.#options;
    const work = this.#attached()
      .stopOrphan(pod, { signal })
      .catch((error: unknown) => {
        if (!signal.aborted) log.warn({ ...podFields(pod), err: error }, 'orphaned pod could not be stopped');
      })
      .finally(() => {
        this.#orphans.delete(pod.uid);
        this.#moved();
        this.startWaiting();
      });
    this.#orphans.set(pod.uid, work);
    this.#moved();
  }

  /** Resolves once no step runs. */
  async idle(): Promise<void> {
    await Promise.all([
      ...[...this.#workers.values()].map((worker) => worker.idle),
      ...this.#orphans.values(),
    ]);
  }

  #takeUp(worker: PodWorker): void {
    const { uid } = worker.pod.metadata;
    const { takingUp, clock } = this.#options;
    const cancel = takingUp.begin(async () => {
      this.#untaken.delete(uid);
      worker.wake();
      await worker.idle;
    });
    if (cancel !== undefined) this.#untaken.set(uid, { since: clock.monotonic(), cancel });
  }

  /** It waits no more. */
  #taken(uid: string): void {
    this.#untaken.get(uid)?.cancel();
    this.#untaken.delete(uid);
  }

  /** A new object or an order is seen to at once. */
  #offer(worker: PodWorker, event: WorkerEvent): void {
    this.#taken(worker.pod.metadata.uid);
    worker.offer(event);
    this.#moved();
  }

  #start(pod: Pod): PodWorker {
    const { untilRound, clock, log, faults, signal, runtimeHolds, onDue, onStep } = this.#options;
    const { uid } = pod.metadata;
    return new PodWorker({
      state: initialState(pod, runtimeHolds(uid)),
      syncer: this.#attached(),
      untilRound,
      clock,
      log,
      faults,
      signal,
      onDue: () => {
        onDue(uid);
      },
      onStep,
      onMoved: this.#moved,
      onFinished: () => {
        if (this.#removed.has(uid)) this.#forget(uid);
        else this.startWaiting();
      },
    });
  }

  #attached(): PodSyncer {
    if (this.#syncer === undefined) throw new Error('a pod came before anybody could see to it');
    return this.#syncer;
  }

  #forget(uid: string): void {
    this.#taken(uid);
    this.#workers.get(uid)?.close();
    this.#workers.delete(uid);
    this.#removed.delete(uid);
    this.#moved();
    this.#options.onForgotten?.(uid);
    this.startWaiting();
  }

  #mustWait(pod: Pod): boolean {
    if (this.#workers.has(pod.metadata.uid)) return true;
    if (!isStaticPod(pod)) return false;
    return this.holdsName(podFullName(pod)) || this.#options.runtimeHoldsNamesake?.(pod) === true;
  }
}
