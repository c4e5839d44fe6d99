/**
 * The two conditions of pods' resizes, which are kept between syncs (pkg/kubelet/status/status_manager.go:
 * SetPodResizePendingCondition and its neighbours). A pod's status takes them from here.
 */
import type { Pod, PodCondition } from '../../model/kube.ts';
import { rfc3339 } from '../../util/clock.ts';

export type ResizeConditionType = 'PodResizePending' | 'PodResizeInProgress';

interface Reported {
  readonly reason: string;
  readonly message: string;
  readonly generation: number;
  readonly since: string;
  readonly probed: string;
}

interface Resizes {
  readonly pending?: Reported | undefined;
  readonly inProgress?: Reported | undefined;
}

export class ResizeConditions {
  readonly #clock: { now(): number };
  readonly #pods = new Map<string, Resizes>();

  constructor(options: { clock: { now(): number } }) {
    this.#clock = options.clock;
  }

  /** Takes over what the pod's status told before farlet's start. */
  adopt(pod: Pod): void {
    const reportedOf = (type: ResizeConditionType): Reported | undefined => {
      const found = pod.status?.conditions?.find((condition) => condition.type === type);
      if (found?.status !== 'True') return undefined;
      const { reason = '', message = '', observedGeneration: generation = 0, lastTransitionTime } = found;
      const probed = found.lastProbeTime ?? this.#now();
      return { reason, message, generation, since: lastTransitionTime ?? probed, probed };
    };
    const reported = {
      pending: reportedOf('PodResizePending'),
      inProgress: reportedOf('PodResizeInProgress'),
    };
    if (reported.pending !== undefined || reported.inProgress !== undefined)
      this.#pods.set(pod.metadata.uid, reported);
  }

  /**
   * True if this is news: another reason, or of another generation. Any reason but Infeasible is Deferred.
   */
  setPending(uid: string, why: { reason: string; message: string; generation: number }): boolean {
    const before = this.#pods.get(uid)?.pending;
    const reason = why.reason === 'Infeasible' ? 'Infeasible' : 'Deferred';
    if (before?.reason === reason && before.generation === why.generation && before.message === why.message)
      return false;
    this.#set(uid, { pending: this.#next(before, { ...why, reason }) });
    return before?.reason !== reason || before.generation !== why.generation;
  }

  /** Whether there was one. */
  clearPending(uid: string): boolean {
    const was = this.#pods.get(uid)?.pending !== undefined;
    if (was) this.#set(uid, { pending: undefined });
    return was;
  }

  /**
   * A condition that is there keeps its generation, and its reason unless another is given. True if anything
   * changed; the generation is the condition's.
   */
  setInProgress(
    uid: string,
    why: { reason?: string; message?: string; generation: number },
  ): { changed: boolean; generation: number } {
    const before = this.#pods.get(uid)?.inProgress;
    const { reason = '', message = '' } = why;
    const silent = reason === '' && message === '';
    const next = {
      reason: silent ? (before?.reason ?? '') : reason,
      message: silent ? (before?.message ?? '') : message,
      generation: before?.generation ?? why.generation,
    };
    if (before?.reason === next.reason && before.message === next.message)
      return { changed: false, generation: next.generation };
    this.#set(uid, { inProgress: this.#next(before, next) });
    return { changed: true, generation: next.generation };
  }

  /** The generation of the one that there was. */
  clearInProgress(uid: string): number | undefined {
    const before = this.#pods.get(uid)?.inProgress;
    if (before !== undefined) this.#set(uid, { inProgress: undefined });
    return before?.generation;
  }

  inProgressGeneration(uid: string): number | undefined {
    return this.#pods.get(uid)?.inProgress?.generation;
  }

  pendingReason(uid: string): string | undefined {
    return this.#pods.get(uid)?.pending?.reason;
  }

  pendingSince(uid: string): string | undefined {
    return this.#pods.get(uid)?.pending?.since;
  }

  forget(uid: string): void {
    this.#pods.delete(uid);
  }

  /** As a status has them. */
  list(uid: string): PodCondition[] {
    const { pending, inProgress } = this.#pods.get(uid) ?? {};
    return [
      ...(pending === undefined ? [] : [condition('PodResizePending', pending)]),
      ...(inProgress === undefined ? [] : [condition('PodResizeInProgress', inProgress)]),
    ];
  }

  #set(uid: string, change: Resizes): void {
    const next = { ...this.#pods.get(uid), ...change };
    if (next.pending === undefined && next.inProgress === undefined) this.#pods.delete(uid);
    else this.#pods.set(uid, next);
  }

  #next(
    before: Reported | undefined,
    next: { reason: string; message: string; generation: number },
  ): Reported {
    const now = this.#now();
    return { ...next, since: before?.reason === next.reason ? before.since : now, probed: now };
  }

  #now(): string {
    return rfc3339(this.#clock.now());
  }
}

function condition(
  type: ResizeConditionType,
  { reason, message, generation, since, probed }: Reported,
): PodCondition {
  return {
    type,
    status: 'True',
    ...(reason === '' ? {} : { reason }),
    ...(message === '' ? {} : { message }),
    ...(generation === 0 ? {} : { observedGeneration: generation }),
    lastProbeTime: probed,
    lastTransitionTime: since,
  };
}
