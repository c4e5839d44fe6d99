/** What nobody asks for but must be done (pkg/kubelet/kubelet_pods.go HandlePodCleanups). */
import type { PodRef } from '../model/pod-ref.ts';

/** How often there is a round, and the pods are woken whose time has come (kubelet: housekeepingPeriod). */
export const HOUSEKEEPING_MS = 2_000;
/** An orphan must have been seen so many rounds in a row: a watch may lag behind a new pod's sandbox. */
const ROUNDS_BEFORE_ORPHAN = 2;
/**
 * A pod that is still there is logged after twice as many rounds each time, and at last after this many: once
 * a minute.
 */
const MAX_ROUNDS_BETWEEN = 32;

/**
 * Which pods of the runtime are orphans: known neither to a source nor to a worker for some rounds. Keeps the
 * count of rounds between calls; forgets pods that turn out to be known or gone.
 */
export class OrphanWatch {
  #rounds = new Map<string, number>();

  /** `onFirst` is told of each once, when it is named for the first time. */
  next<Found extends Pick<PodRef, 'uid'>>(
    found: readonly Found[],
    isKnown: (uid: string) => boolean,
    onFirst?: (pod: Found) => void,
  ): Found[] {
    const rounds = new Map<string, number>();
    const orphans: Found[] = [];
    for (const pod of found) {
      if (isKnown(pod.uid)) continue;
      const seen = (this.#rounds.get(pod.uid) ?? 0) + 1;
      rounds.set(pod.uid, seen);
      if (isDue(seen)) orphans.push(pod);
      if (seen === ROUNDS_BEFORE_ORPHAN) onFirst?.(pod);
    }
    this.#rounds = rounds;
    return orphans;
  }
}

function isDue(rounds: number): boolean {
  if (rounds >= MAX_ROUNDS_BETWEEN) return rounds % MAX_ROUNDS_BETWEEN === 0;
  return rounds >= ROUNDS_BEFORE_ORPHAN && Number.isInteger(Math.log2(rounds / ROUNDS_BEFORE_ORPHAN));
}

export interface HousekeepingOptions {
  readonly cache: { pods(): readonly PodRef[] };
  readonly workers: {
    startWaiting(): void;
    stopOrphan(pod: PodRef): void;
    holdsName(fullName: string): boolean;
  };
  readonly mirrors: { collect(isHeld: (fullName: string) => boolean): void };
  readonly haveAllSources: () => boolean;
  /** no source tells of the pod and no worker sees to it */
  readonly isUnknown: (uid: string) => boolean;
  readonly hostIsReady: () => boolean;
  /** a pod was found to be an orphan */
  readonly onOrphan: () => void;
}

export class Housekeeping {
  readonly #options: HousekeepingOptions;
  readonly #orphans = new OrphanWatch();

  constructor(options: HousekeepingOptions) {
    this.#options = options;
  }

  /**
   * One round: pods that waited for others to end, mirrors of removed static pods, pods that only the runtime
   * knows.
   */
  run(): void {
    const { cache, workers, mirrors, haveAllSources, isUnknown, hostIsReady, onOrphan } = this.#options;
    workers.startWaiting();
    if (!haveAllSources()) return;
    mirrors.collect((fullName) => workers.holdsName(fullName));
    if (!hostIsReady()) return;
    for (const orphan of this.#orphans.next(cache.pods(), (uid) => !isUnknown(uid), onOrphan))
      workers.stopOrphan(orphan);
  }
}
