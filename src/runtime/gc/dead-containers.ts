/**
 * Removes dead containers beyond the newest of their name as soon as another one dies
 * (pkg/kubelet/pod_container_deletor.go), one after the other.
 */
import type { PodLifecycleEvent } from '../../model/pod-update.ts';
import type { PodRuntimeState } from '../../model/runtime-state.ts';

/** More wait for the collection of every minute. */
const MAX_WAITING = 50;

export interface DeadContainersOptions {
  readonly state: (uid: string) => PodRuntimeState | undefined;
  /** the ids that are gone */
  readonly collect: (
    state: PodRuntimeState,
    diedId: string,
    options: { signal: AbortSignal },
  ) => Promise<string[]>;
  readonly onGone: (uid: string, id: string) => void;
  readonly signal: AbortSignal;
}

export class DeadContainers {
  readonly #options: DeadContainersOptions;
  readonly #waiting: { uid: string; id: string }[] = [];
  #working = false;

  constructor(options: DeadContainersOptions) {
    this.#options = options;
  }

  /** Takes note of what has died; never waits. */
  observed(changes: readonly PodLifecycleEvent[]): void {
    for (const { kind, pod, id } of changes) {
      if (kind === 'container-died' && this.#waiting.length < MAX_WAITING)
        this.#waiting.push({ uid: pod.uid, id });
    }
    if (!this.#working) void this.#work();
  }

  async #work(): Promise<void> {
    const { state, collect, onGone, signal } = this.#options;
    this.#working = true;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      const { uid, id } = next;
      const held = state(uid);
      if (held === undefined || signal.aborted) continue;
      // its failures are told where they happen; what is left goes with the next collection
      const gone = await collect(held, id, { signal }).catch(() => []);
      for (const each of gone) onGone(uid, each);
    }
    this.#working = false;
  }
}
