/** A pod's events as lines. Pure. */

export interface EventObject {
  readonly metadata: { readonly name: string };
  readonly type: string;
  readonly reason: string;
  readonly message?: string;
  readonly firstTimestamp?: string | null;
  readonly eventTime?: string | null;
  readonly source?: { readonly component?: string };
  readonly involvedObject: { readonly kind?: string; readonly fieldPath?: string };
}

/**
 * The kubelet's, by first timestamp, which has seconds; within one by the name, whose end is the moment in
 * nanoseconds. Those of the scheduler and of controllers tell nothing of the kubelet.
 */
export function eventLines(events: readonly EventObject[]): string[] {
  const moment = (event: EventObject): string =>
    `${event.firstTimestamp ?? event.eventTime ?? ''} ${event.metadata.name}`;
  return events
    .filter(({ involvedObject }) => involvedObject.kind === 'Pod')
    .filter((event) => event.source?.component === 'kubelet')
    .toSorted((a, b) => (moment(a) < moment(b) ? -1 : 1))
    .map(
      ({ type, reason, message = '', involvedObject: { fieldPath } }) =>
        `${type} ${reason}${fieldPath ? ` ${fieldPath}` : ''}: ${message}`,
    );
}
