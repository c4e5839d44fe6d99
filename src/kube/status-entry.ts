/** What the status writer knows of a pod. Pure. */
import type { Pod, PodCondition, PodStatus } from '../model/kube.ts';
import type { Contest } from './contest.ts';

export interface DesiredStatus {
  readonly status: PodStatus;
  /** a terminal phase is held back while containers may still run */
  readonly mayRun: boolean;
  /** ms that it may wait for a newer one, which is then all that is written; absent: none */
  readonly lingerMs?: number;
}

export interface Entry {
  /** the object that the status is written to; of a static pod its manifest, until it has a mirror */
  pod: Pod;
  /** which listing of the API server's pods the object is of, or after */
  listing: number;
  /** UID of a mirror that the API server has no more: what is desired waits for the next */
  gone?: string;
  desired: DesiredStatus | undefined;
  writing: Promise<void> | undefined;
  desiredAt: number | undefined;
  /** what was last found to differ: asked several times for each write */
  compared?: { desired: DesiredStatus; api: PodStatus | undefined; patch: object | undefined };
  /** what the API server was last sent and did not keep as it was: to send it again would change nothing */
  inVain: object | undefined;
  /** what is desired has not been sent yet, and is not to wait for something newer */
  isUrgent: boolean;
  /** ends the wait for a newer status */
  lingering: (() => void) | undefined;
  /** what was written is not left as it is by something else */
  contest?: Contest;
  /** ends the wait before what was overwritten is put back */
  truce?: (() => void) | undefined;
}

export function newEntry(pod: Pod, listing: number): Entry {
  return {
    pod,
    listing,
    desired: undefined,
    isUrgent: false,
    writing: undefined,
    desiredAt: undefined,
    lingering: undefined,
    inVain: undefined,
  };
}

/** Start and transition times of a status that says the same. */
export function withTimesOf(status: PodStatus, former: PodStatus): PodStatus {
  const startTime = former.startTime ?? status.startTime;
  return {
    ...status,
    ...(startTime === undefined ? {} : { startTime }),
    ...(status.conditions === undefined
      ? {}
      : { conditions: status.conditions.map((condition) => sinceBefore(condition, former)) }),
  };
}

function sinceBefore(condition: PodCondition, former: PodStatus): PodCondition {
  const before = (former.conditions ?? []).find(({ type }) => type === condition.type);
  return before?.status === condition.status && before.lastTransitionTime !== undefined
    ? { ...condition, lastTransitionTime: before.lastTransitionTime }
    : condition;
}

/** The object with the status, and the version, that another view of it has. */
export function withStatusOf(pod: Pod, { status = {}, metadata: { resourceVersion } }: Pod): Pod {
  const version = resourceVersion === undefined ? {} : { resourceVersion };
  return { ...pod, status, metadata: { ...pod.metadata, ...version } };
}
