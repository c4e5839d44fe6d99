/**
 * What nobody asks for but must be done: pods that only the runtime knows are stopped, workers whose pod has
 * gone are forgotten, dead containers are collected (kubelet: HandlePodCleanups, kuberuntime_gc.go).
 */
import type { PodRef } from '../model/pod-ref.ts';

/** An orphan must have been seen so many rounds in a row: a watch may lag behind a new pod's sandbox. */
const ROUNDS_BEFORE_ORPHAN = 2;
/** One that is still there is named after twice as many rounds each time, and in the end after so many: once a minute. */
const MAX_ROUNDS_BETWEEN = 32;

/**
 * Which pods of the runtime are orphans: known neither to a source nor to a worker for some rounds. Keeps the
 * count of rounds between calls; forgets pods that turn out to be known or gone.
 */
export class OrphanWatch {
  #rounds = new Map<string, number>();

  /** `onFirst` is told of each once, when it is named for the first time. */
  next(
    runtime: readonly PodRef[],
    isKnown: (uid: string) => boolean,
    onFirst?: (pod: PodRef) => void,
  ): PodRef[] {
    const rounds = new Map<string, number>();
    const orphans: PodRef[] = [];
    for (const pod of runtime) {
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
