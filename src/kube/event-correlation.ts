/** Which events are sent, merged or dropped (client-go: tools/record/events_cache.go). Pure but for its memory, which is bounded. */
import { LRUCache } from 'lru-cache';
import type { CoreEvent, ObjectReference } from '../model/kube.ts';
import { rfc3339 } from '../util/clock.ts';

const CACHE = 4096;
/** Ten events that differ only in their message within ten minutes become one. */
const SIMILAR = 10;
const SIMILAR_MS = 600_000;
/** Per object: a burst of 25, then one every five minutes. */
const BURST = 25;
const REFILL_MS = 300_000;

export interface EventInput {
  readonly about: ObjectReference;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

export type EventWrite =
  | { readonly kind: 'create'; readonly event: CoreEvent }
  /** the same event again: only count, time and message are patched */
  | { readonly kind: 'repeat'; readonly namespace: string; readonly name: string; readonly event: CoreEvent };

interface Seen {
  event: CoreEvent;
}

export class EventCorrelation {
  readonly #component: string;
  readonly #host: string;
  readonly #seen = new LRUCache<string, Seen>({ max: CACHE });
  readonly #similar = new LRUCache<string, { messages: Set<string>; since: number }>({ max: CACHE });
  readonly #budgets = new LRUCache<string, { tokens: number; at: number }>({ max: CACHE });
  #counter = 0;

  constructor(options: { component: string; host: string }) {
    this.#component = options.component;
    this.#host = options.host;
  }

  /** What to write for an event that happens now (ms since the epoch); undefined if it is one too many. */
  next(input: EventInput, now: number): EventWrite | undefined {
    if (!this.#spend(input.about, now)) return undefined;
    const { about, type, reason } = input;
    const message = this.#merged(input, now);
    const key = [objectKey(about), about.fieldPath ?? '', type, reason, message].join('\u0000');
    const time = rfc3339(now);
    const seen = this.#seen.get(key);
    if (seen !== undefined) {
      seen.event = { ...seen.event, count: (seen.event.count ?? 1) + 1, lastTimestamp: time, message };
      return {
        kind: 'repeat',
        namespace: seen.event.metadata.namespace ?? '',
        name: seen.event.metadata.name ?? '',
        event: seen.event,
      };
    }
    this.#counter += 1;
    const namespace = about.namespace ?? 'default';
    const event: CoreEvent = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: {
        namespace,
        name: `${about.name ?? ''}.${(BigInt(now) * 1_000_000n + BigInt(this.#counter % 1_000_000)).toString(16)}`,
      },
      involvedObject: about,
      type,
      reason,
      message,
      source: { component: this.#component, host: this.#host },
      reportingComponent: this.#component,
      reportingInstance: this.#host,
      firstTimestamp: time,
      lastTimestamp: time,
      count: 1,
    };
    this.#seen.set(key, { event });
    return { kind: 'create', event };
  }

  #merged({ about, type, reason, message }: EventInput, now: number): string {
    const key = [objectKey(about), about.fieldPath ?? '', type, reason].join('\u0000');
    let group = this.#similar.get(key);
    if (group === undefined || now - group.since > SIMILAR_MS) group = { messages: new Set(), since: now };
    this.#similar.set(key, group);
    if (group.messages.size < SIMILAR) group.messages.add(message);
    return group.messages.size < SIMILAR || group.messages.has(message)
      ? message
      : `(combined from similar events): ${message}`;
  }

  #spend(about: ObjectReference, now: number): boolean {
    const key = objectKey(about);
    const budget = this.#budgets.get(key) ?? { tokens: BURST, at: now };
    const tokens = Math.min(BURST, budget.tokens + (now - budget.at) / REFILL_MS);
    const allowed = tokens >= 1;
    this.#budgets.set(key, { tokens: allowed ? tokens - 1 : tokens, at: now });
    return allowed;
  }
}

function objectKey(about: ObjectReference): string {
  return [about.kind, about.namespace, about.name, about.uid].join('/');
}
