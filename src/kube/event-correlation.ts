/** Which events are sent, merged or dropped (client-go: tools/record/events_cache.go). Pure but for its memory, which is bounded. */
import { createHash } from 'node:crypto';
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

/** What is needed of an event to tell of it again; its key has the rest. Thousands are kept. */
interface Seen {
  readonly name: string;
  readonly first: string;
  readonly count: number;
}

interface Similar {
  readonly since: number;
  readonly messages: readonly string[];
}

export class EventCorrelation {
  readonly #component: string;
  readonly #host: string;
  readonly #seen = new LRUCache<string, Seen>({ max: CACHE });
  readonly #similar = new LRUCache<string, Similar>({ max: CACHE });
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
    const key = digest([objectKey(about), about.fieldPath ?? '', type, reason, message]);
    const time = rfc3339(now);
    const before = this.#seen.get(key);
    const seen: Seen =
      before === undefined
        ? { name: this.#name(about, now), first: time, count: 1 }
        : { ...before, count: before.count + 1 };
    this.#seen.set(key, seen);
    const namespace = about.namespace ?? 'default';
    const event = this.#event({ ...input, message }, { seen, namespace, time });
    return before === undefined
      ? { kind: 'create', event }
      : { kind: 'repeat', namespace, name: seen.name, event };
  }

  #name({ name = '' }: ObjectReference, now: number): string {
    this.#counter += 1;
    return `${name}.${(BigInt(now) * 1_000_000n + BigInt(this.#counter % 1_000_000)).toString(16)}`;
  }

  #event(
    { about, type, reason, message }: EventInput,
    { seen, namespace, time }: { seen: Seen; namespace: string; time: string },
  ): CoreEvent {
    return {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { namespace, name: seen.name },
      involvedObject: about,
      type,
      reason,
      message,
      source: { component: this.#component, host: this.#host },
      reportingComponent: this.#component,
      reportingInstance: this.#host,
      firstTimestamp: seen.first,
      lastTimestamp: time,
      count: seen.count,
    };
  }

  #merged({ about, type, reason, message }: EventInput, now: number): string {
    const key = digest([objectKey(about), about.fieldPath ?? '', type, reason]);
    const told = digest([message]);
    const held = this.#similar.get(key);
    const { since, messages } =
      held === undefined || now - held.since > SIMILAR_MS ? { since: now, messages: [] } : held;
    const isNew = !messages.includes(told);
    const kept = isNew && messages.length < SIMILAR ? [...messages, told] : messages;
    this.#similar.set(key, { since, messages: kept });
    return kept.length < SIMILAR || kept.includes(told)
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

/** A short stand-in for long texts: the caches hold thousands. */
function digest(parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\u0000')).digest('base64');
}

function objectKey(about: ObjectReference): string {
  return [about.kind, about.namespace, about.name, about.uid].join('/');
}
