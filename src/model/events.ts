import type { EventReason } from './event-reasons.ts';
import type { ObjectReference } from './kube.ts';

/**
 * Records Kubernetes Events. Never blocks and never throws: delivery, rates and aggregation are its own care.
 */
export interface EventRecorder {
  /** The reason decides the event's type (model/event-reasons.ts). */
  event(
    about: ObjectReference,
    reason: EventReason,
    message: string,
    annotations?: Readonly<Record<string, string>>,
  ): void;
}
