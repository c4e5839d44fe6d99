/**
 * Decides which events are sent, merged or dropped (client-go: tools/record/events_cache.go). Pure but for
 * its memory, which is bounded.
 */
import { createHash, randomUUID } from 'node:crypto';
import type { EventRow } from '../model/event-row.ts';
import type { CoreEvent, ObjectReference } from '../model/kube.ts';
import { rfc3339 } from '../util/clock.ts';
import { dnsSubdomain } from '../model/dns-name.ts';
import { lru } from '../util/lru.ts';

const maxName = 253;

const CACHE = 4096;
/**
 * Similar messages that are kept apart while one comes at least every ten minutes; those beyond them count as
 * one event.
 */
const TOLD_APART = 9;
const SIMILAR_MS = 600_000;
/** Per object and type: a burst of 25, then one every five minutes. */
const BURST = 25;
const REFILL_MS = 300_000;

export interface EventInput {
  readonly about: ObjectReference;
  readonly type: EventRow['type'];
  readonly reason: string;
  readonly message: string;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

export type EventWrite =
  | { readonly kind: 'create'; readonly event: CoreEvent }
  /** the same event again: only count, time and message are patched */
  | { readonly kind: 'repeat'; readonly namespace: string; readonly name: string; readonly event: CoreEvent };

/** What is needed of an event to tell of it again; its key has the rest. Thousands are kept. */
interface Seen {
  readonly name: string;
  /** s since the epoch */
  readonly firstAt: number;
  count: number;
}

/** Events that differ in their message only. */
interface Similar {
  /** a key of each that is told apart, one after the other */
  keys: string;
  /** s since the epoch of the last of them */
  at: number;
}

export class EventCorrelation {
  readonly #component: string;
  readonly #host: string;
  readonly #seen = lru<Seen>(CACHE);
  readonly #similar = lru<Similar>(CACHE);
  readonly #budgets = lru<{ tokens: number; at: number }>(CACHE);
  #counter = 0;

  constructor(options: { component: string; host: string }) {
    this.#component = options.component;
    this.#host = options.host;
  }

  /**
   * The write for an event that happens now (ms since the epoch); undefined if it exceeds the rate, in which
   * case it is counted all the same.
   */
  next(input: EventInput, now: number): EventWrite | undefined {
    const { key, message, annotations } = this.#correlated(input, now);
    const before = this.#seen.get(key);
    const seen = before ?? { name: this.#newName(input.about, now), firstAt: seconds(now), count: 0 };
    seen.count += 1;
    this.#seen.set(key, seen);
    if (!this.#spend(input, now)) return undefined;
    const { about, type, reason } = input;
    const namespace = about.namespace ?? 'default';
    const event: CoreEvent = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { namespace, name: seen.name, ...(annotations === undefined ? {} : { annotations }) },
      involvedObject: about,
      type,
      reason,
      message,
      source: { component: this.#component, host: this.#host },
      reportingComponent: this.#component,
      reportingInstance: this.#host,
      firstTimestamp: rfc3339(seen.firstAt * 1000),
      lastTimestamp: rfc3339(now),
      count: seen.count,
    };
    return before === undefined
      ? { kind: 'create', event }
      : { kind: 'repeat', namespace, name: seen.name, event };
  }

  /**
   * The event's identity: its own, or that of the combined event of those that differ in their message only,
   * which has no annotations.
   */
  #correlated(
    input: EventInput,
    now: number,
  ): { key: string; message: string; annotations?: EventInput['annotations'] } {
    const { about, type, reason, message, annotations } = input;
    const kind = keyOf(about, type, reason);
    const last = this.#similar.get(kind);
    const isOver = last === undefined || now - last.at * 1000 > SIMILAR_MS;
    const group: Similar = isOver ? { keys: '', at: 0 } : last;
    group.at = seconds(now);
    this.#similar.set(kind, group);
    const told = keyOf(message);
    if (!isOneOf(told, group.keys)) {
      if (group.keys.length >= TOLD_APART * KEY_LENGTH)
        return { key: kind, message: `(combined from similar events): ${message}` };
      group.keys += told;
    }
    return { key: keyOf(kind, about.fieldPath, message), message, annotations };
  }

  /**
   * An object's name may be invalid for an event, or too long (client-go: tools/record/util
   * GenerateEventName).
   */
  #newName(about: ObjectReference, now: number): string {
    this.#counter += 1;
    const unique = BigInt(now) * 1_000_000n + BigInt(this.#counter % 1_000_000);
    const name = `${about.name ?? ''}.${unique.toString(16)}`;
    return name.length <= maxName && dnsSubdomain.test(name) ? name : randomUUID();
  }

  #spend({ about, type }: EventInput, now: number): boolean {
    const key = keyOf(about, type);
    const budget = this.#budgets.get(key) ?? { tokens: BURST, at: now };
    const tokens = Math.min(BURST, budget.tokens + (now - budget.at) / REFILL_MS);
    const allowed = tokens >= 1;
    this.#budgets.set(key, { tokens: allowed ? tokens - 1 : tokens, at: now });
    return allowed;
  }
}

/** Whole ones, as events tell them: such a number takes no room of its own. */
const seconds = (ms: number): number => Math.floor(ms / 1000);

/** 120 bits of a digest, in base64. */
const KEY_BYTES = 15;
const KEY_LENGTH = 20;

/** A short stand-in for long texts: the caches hold thousands. */
function keyOf(...parts: (ObjectReference | string | undefined)[]): string {
  const texts = parts.map((part) =>
    typeof part === 'object'
      ? [part.kind, part.namespace, part.name, part.uid, part.apiVersion].join('/')
      : part,
  );
  const digest = createHash('sha256').update(texts.join('\u0000')).digest();
  return digest.subarray(0, KEY_BYTES).toString('base64');
}

function isOneOf(key: string, keys: string): boolean {
  for (let at = 0; at < keys.length; at += KEY_LENGTH) if (keys.startsWith(key, at)) return true;
  return false;
}
