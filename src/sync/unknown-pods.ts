/** Whose a pod is that is found on a host: as long as anybody may know it, nothing of it is taken away. */
import type { WorkerState } from './workers/worker-state.ts';

export interface UnknownPodsOptions {
  readonly table: { get(uid: string): unknown };
  readonly workers: { state(uid: string): WorkerState | undefined };
  /** every source has told of its pods; before, any pod may be somebody's */
  readonly haveAllSources: () => boolean;
  /** the node has yet to find out whether the pod is this host's */
  readonly isUnsettled: (uid: string) => boolean;
  /** reason of the pod's newest status, written or not */
  readonly reasonOf: (uid: string) => string | undefined;
}

export class UnknownPods {
  readonly #options: UnknownPodsOptions;

  constructor(options: UnknownPodsOptions) {
    this.#options = options;
  }

  /** No source tells of it and no worker sees to it. */
  isUnknown(uid: string): boolean {
    const { haveAllSources, table, workers, isUnsettled } = this.#options;
    return (
      haveAllSources() &&
      table.get(uid) === undefined &&
      workers.state(uid) === undefined &&
      !isUnsettled(uid)
    );
  }

  /**
   * Nothing needs its remains (pkg/kubelet/kubelet_getters.go ShouldPodContentBeRemoved): the pod is gone, or
   * was evicted.
   */
  isForgettable(uid: string): boolean {
    return this.isUnknown(uid) || (this.#at(uid) === 'finished' && this.#options.reasonOf(uid) === 'Evicted');
  }

  /** As `isForgettable`, while the host is short of room: that it is over will do. */
  isReclaimable(uid: string): boolean {
    return this.isUnknown(uid) || this.#at(uid) === 'finished';
  }

  /** Nothing of it runs, or will. */
  isOver(uid: string): boolean {
    const at = this.#at(uid);
    return at === undefined || at === 'finished';
  }

  #at(uid: string): WorkerState['at'] | undefined {
    return this.#options.workers.state(uid)?.at;
  }
}
