/** Resizes as the three steps of a pod see them: what is under way is told, what is to be done is planned. */
import type { EventRecorder } from '../../model/events.ts';
import type { Pod, PodCondition } from '../../model/kube.ts';
import type { PodActions } from '../../model/pod-actions.ts';
import { podReference } from '../../model/pod-ref.ts';
import type { ResizePlan } from '../../model/resource-amounts.ts';
import type { PodRuntimeState } from '../../model/runtime-state.ts';
import { isResizeInProgress, planResize, type Actuated } from '../../runtime/resize/plan-resize.ts';
import type { SyncStep } from '../../runtime/spec/steps.ts';
import { resizeMessage } from '../../resources/resize/resize-message.ts';

export interface PodResizesOptions {
  readonly conditions: {
    setInProgress(
      uid: string,
      why: { reason?: string; message?: string; generation: number },
    ): { changed: boolean; generation: number };
    clearInProgress(uid: string): number | undefined;
    list(uid: string): PodCondition[];
  };
  readonly actuated: Actuated;
  /** whether the pod has the resources that it was granted last */
  readonly isGranted: (pod: Pod) => boolean;
  readonly events: EventRecorder;
}

export class PodResizes {
  readonly #options: PodResizesOptions;

  constructor(options: PodResizesOptions) {
    this.#options = options;
  }

  get actuated(): Actuated {
    return this.#options.actuated;
  }

  /** Before the status is made: a resize is under way, or has just been completed. */
  observe(pod: Pod, state: PodRuntimeState): void {
    const { conditions, actuated, events, isGranted } = this.#options;
    const { uid, generation = 0 } = pod.metadata;
    if (!isGranted(pod)) return;
    if (isResizeInProgress({ pod, state, actuated })) {
      conditions.setInProgress(uid, { generation });
      return;
    }
    const completed = conditions.clearInProgress(uid);
    if (completed === undefined) return;
    const message = resizeMessage(pod, { what: 'completed', generation: completed });
    events.event(podReference(pod), 'ResizeCompleted', message);
  }

  plan(
    pod: Pod,
    state: PodRuntimeState,
    actions: PodActions,
  ): { readonly actions: PodActions; readonly resize: ResizePlan | undefined } {
    return planResize({ pod, state, actuated: this.#options.actuated }, actions);
  }

  /** After a sync: what could not be resized is told once. */
  tellFailure(pod: Pod, steps: readonly SyncStep[]): void {
    const { conditions, events } = this.#options;
    const failure = steps.find(({ action, error }) => action === 'resize-pod' && error !== undefined)?.error;
    if (failure === undefined) return;
    const { message } = failure;
    const { uid, generation = 0 } = pod.metadata;
    const told = conditions.setInProgress(uid, { reason: 'Error', message, generation });
    if (!told.changed) return;
    const text = resizeMessage(pod, { what: 'error', generation: told.generation, error: message });
    events.event(podReference(pod), 'ResizeError', text);
  }

  /** As the status has them; a pod that is over has none. */
  conditions(uid: string): PodCondition[] {
    return this.#options.conditions.list(uid);
  }
}
