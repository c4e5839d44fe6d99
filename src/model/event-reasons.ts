/** Every reason of an event. docs/events.md lists them (`npm run gen`). */
import { admissionTable, type AdmissionReason } from './admission-reasons.ts';
import type { EventRow } from './event-row.ts';
import { nodeEventTable } from './node-event-reasons.ts';
import { podEventTable } from './pod-event-reasons.ts';

export const eventTable = { ...podEventTable, ...admissionTable, ...nodeEventTable } as const;

export type EventReason = keyof typeof eventTable | AdmissionReason;

/** Type and reason as the API shows them. */
export function eventWords(reason: EventReason): {
  readonly type: EventRow['type'];
  readonly reason: string;
} {
  const row: EventRow = isRow(reason) ? eventTable[reason] : eventTable['OutOf<resource>'];
  return { type: row.type, reason: row.shown ?? reason };
}

/** The others name a resource: `OutOfcpu`. */
function isRow(reason: EventReason): reason is keyof typeof eventTable {
  return Object.hasOwn(eventTable, reason);
}
