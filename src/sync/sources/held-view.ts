import type { Pod } from '../../model/kube.ts';
import type { PodView } from './pod-changes.ts';

/**
 * A source's view that is kept back until it may be acted on. As long as it is held, only the newest state of
 * each pod is kept, so it is never longer than there are pods; releasing it tells that state as one reset.
 */
export class HeldView {
  readonly #report: (view: PodView) => void;
  #pods: Map<string, Pod> | undefined;
  #released = false;

  constructor(report: (view: PodView) => void) {
    this.#report = report;
  }

  apply(view: PodView): void {
    if (this.#released && this.#pods === undefined) {
      this.#report(view);
      return;
    }
    if (view.type === 'reset') this.#pods = new Map(view.items.map((pod) => [pod.metadata.uid, pod]));
    else if (view.type === 'delete') this.#pods?.delete(view.object.metadata.uid);
    else this.#pods?.set(view.object.metadata.uid, view.object);
    this.#pass();
  }

  release(): void {
    this.#released = true;
    this.#pass();
  }

  /** A view counts only from its first reset on. */
  #pass(): void {
    if (!this.#released || this.#pods === undefined) return;
    // what is not taken stays held
    this.#report({ type: 'reset', items: [...this.#pods.values()] });
    this.#pods = undefined;
  }
}
