import type { ObjectReference } from './kube.ts';

/** Records Kubernetes Events. Never blocks and never throws: delivery, rates and aggregation are its own care. */
export interface EventRecorder {
  event(
    about: ObjectReference,
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
    annotations?: Readonly<Record<string, string>>,
  ): void;
}
