/** Pods of Deployments that are rolled over, by what a watch shows of them. Pure but for its own memory. */
import type { Pod } from '../../src/model/kube.ts';
import type { WatchEvent } from '../../src/kube/watch.ts';
import { isReady } from '../node-pods.ts';

/** label of the pods */
export const CHURN = 'bench-churn';
/** annotation: which rollover made the pod */
export const TURN = 'bench-turn';

export class ChurnPods {
  readonly #pods = new Map<string, { readonly turn: string | undefined; readonly isReady: boolean }>();
  #told: (() => void) | undefined;

  take(event: WatchEvent<Pod>): void {
    if (event.type === 'reset') {
      this.#pods.clear();
      for (const pod of event.items) this.#keep(pod);
    } else if (event.type === 'upsert') this.#keep(event.object);
    else this.#pods.delete(event.object.metadata.uid);
    this.#told?.();
  }

  /** Whether there are as many pods of the turn, all Ready, and none of another. */
  isAt(turn: number, count: number): boolean {
    return (
      this.#pods.size === count &&
      [...this.#pods.values()].every((pod) => pod.isReady && pod.turn === String(turn))
    );
  }

  /** Monotonic ms of the moment from which `isAt` is true. Rejects after so many ms. */
  async at(turn: number, { count, withinMs }: { count: number; withinMs: number }): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const look = (): void => {
      if (this.isAt(turn, count)) resolve(performance.now());
    };
    const late = setTimeout(() => {
      reject(
        new Error(`after ${withinMs / 1000} s there are ${this.#pods.size} pods, not ${count} Ready ones`),
      );
    }, withinMs);
    this.#told = look;
    look();
    try {
      return await promise;
    } finally {
      clearTimeout(late);
      this.#told = undefined;
    }
  }

  #keep(pod: Pod): void {
    const { labels, annotations, uid } = pod.metadata;
    if (labels?.[CHURN] === undefined) return;
    this.#pods.set(uid, { turn: annotations?.[TURN], isReady: isReady(pod) });
  }
}
