/**
 * One pod's way through its worker: syncing → stopping → finishing → finished (kubelet: pod_workers.go,
 * SyncPod → TerminatingPod → TerminatedPod). Pure.
 *
 * I1. It only moves forward, but for one step: a finished pod that is deleted later is finished once more, so
 *     that its object goes away.
 * I2. Grace only shrinks, and is never below one second.
 * I3. What makes a pod stop, or stop sooner, interrupts what is under way.
 */
import type { Pod } from '../../model/kube.ts';
import { isTerminalPhase } from '../../model/holds.ts';
import type { KillOrder } from '../../model/pod-update.ts';
import { assertNever } from '../../util/assert-never.ts';

export type WorkerState =
  | { readonly at: 'syncing'; readonly pod: Pod }
  | {
      readonly at: 'stopping';
      readonly pod: Pod;
      readonly graceSeconds: number;
      readonly status?: KillOrder['status'];
    }
  | { readonly at: 'finishing'; readonly pod: Pod }
  | { readonly at: 'finished'; readonly pod: Pod };

/** Until it is over for the runtime, a pod holds what it was given. */
export function holdsResources(state: WorkerState | undefined): boolean {
  return state?.at === 'syncing' || state?.at === 'stopping';
}

export type WorkerEvent =
  /** the newest object of the pod */
  | { readonly kind: 'pod'; readonly pod: Pod }
  /** stop it: eviction, rejection, removal of the object, or a sync that found it done */
  | { readonly kind: 'kill'; readonly order: KillOrder }
  /** no container runs any more */
  | { readonly kind: 'stopped' }
  /** nothing of it is left to do */
  | { readonly kind: 'done' };

export interface Transition {
  readonly state: WorkerState;
  /** abort the step under way: its outcome no longer matters */
  readonly interrupt: boolean;
}

const MIN_GRACE_SECONDS = 1;
/** API default of spec.terminationGracePeriodSeconds. */
const DEFAULT_GRACE_SECONDS = 30;

/** Where a pod starts that the worker has not seen before. */
export function initialState(pod: Pod, runtimeHoldsIt: boolean): WorkerState {
  if (isTerminalPhase(pod.status?.phase))
    return runtimeHoldsIt ? stopping(pod, {}) : { at: 'finishing', pod };
  return mustStop(pod) ? stopping(pod, {}) : { at: 'syncing', pod };
}

export function nextState(state: WorkerState, event: WorkerEvent): Transition {
  switch (state.at) {
    case 'syncing':
      return fromSyncing(state.pod, event);
    case 'stopping':
      return fromStopping(state, event);
    case 'finishing':
      if (event.kind === 'pod') return quietly({ at: 'finishing', pod: event.pod });
      return quietly(event.kind === 'done' ? { at: 'finished', pod: state.pod } : state);
    case 'finished':
      if (event.kind !== 'pod') return quietly(state);
      return quietly({
        at: isDeleted(event.pod) && !isDeleted(state.pod) ? 'finishing' : 'finished',
        pod: event.pod,
      });
    default:
      return assertNever(state);
  }
}

function fromSyncing(pod: Pod, event: WorkerEvent): Transition {
  switch (event.kind) {
    case 'pod':
      return mustStop(event.pod)
        ? { state: stopping(event.pod, {}), interrupt: true }
        : quietly({ at: 'syncing', pod: event.pod });
    case 'kill':
      return { state: stopping(pod, event.order), interrupt: true };
    case 'stopped':
    case 'done':
      return quietly({ at: 'syncing', pod });
  }
}

function fromStopping(state: WorkerState & { at: 'stopping' }, event: WorkerEvent): Transition {
  switch (event.kind) {
    case 'pod':
    case 'kill': {
      const pod = event.kind === 'pod' ? event.pod : state.pod;
      const order = event.kind === 'kill' ? event.order : {};
      const wanted = stopping(pod, order);
      const graceSeconds = Math.min(state.graceSeconds, wanted.graceSeconds);
      const status = order.status ?? state.status;
      return {
        state: { at: 'stopping', pod, graceSeconds, ...(status === undefined ? {} : { status }) },
        interrupt: graceSeconds < state.graceSeconds,
      };
    }
    case 'stopped':
      return quietly({ at: 'finishing', pod: state.pod });
    case 'done':
      return quietly(state);
  }
}

function quietly(state: WorkerState): Transition {
  return { state, interrupt: false };
}

function stopping(pod: Pod, order: KillOrder): WorkerState & { at: 'stopping' } {
  return {
    at: 'stopping',
    pod,
    graceSeconds: graceSeconds(pod, order.graceSeconds),
    ...(order.status === undefined ? {} : { status: order.status }),
  };
}

/** pod_workers.go calculateEffectiveGracePeriod: the shortest of what is asked, else the pod's own. */
export function graceSeconds(pod: Pod, override: number | undefined): number {
  const asked = [override, isDeleted(pod) ? pod.metadata.deletionGracePeriodSeconds : undefined].filter(
    (seconds) => seconds !== undefined,
  );
  const own = pod.spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS;
  return Math.max(MIN_GRACE_SECONDS, asked.length > 0 ? Math.min(...asked) : own);
}

function mustStop(pod: Pod): boolean {
  return isDeleted(pod) || isTerminalPhase(pod.status?.phase);
}

function isDeleted(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp !== undefined;
}
