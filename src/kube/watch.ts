/**
 * Lists, then watches, for as long as the signal allows (client-go: tools/cache/reflector.go). Never polls: a
 * watch that ends in due time, or that a busy server refuses, resumes where it was. After one that broke off
 * everything is listed again, where client-go resumes: the server may have been down to have its store
 * restored, and then has another past under the same versions. The same holds after an expired version and
 * after a line that is no event. A list reaches the consumer as a reset, so that no deletion in between is
 * missed.
 */
import { KubeError, kindOf } from '../model/errors.ts';
import type { Faults } from '../model/faults.ts';
import type { KubeObject } from '../model/kube.ts';
import type { Log } from '../model/log.ts';
import { childController } from '../util/abort.ts';
import { backoffMs } from '../util/backoff.ts';
import type { Clock } from '../util/clock.ts';
import { shortRound } from '../util/rounds.ts';
import { answerForm, type ObjectForm } from './answer-form.ts';
import { UNEXPECTED, unexpected } from './answers.ts';
import type { KubeConnection } from './connect.ts';
import { Delivery, type WatchEvent } from './delivery.ts';
import { waitAfter } from './errors.ts';
import { matchesFields } from './field-selector.ts';
import { jsonLines } from './json-lines.ts';
import { listAll } from './list.ts';
import { compareVersions } from './versions.ts';
import { decodeWatchLine } from './watch-lines.ts';

export type { WatchEvent } from './delivery.ts';

export interface WatchOptions<T> {
  readonly client: Pick<KubeConnection, 'get' | 'stream'> & Partial<Pick<KubeConnection, 'epoch'>>;
  readonly path: string;
  readonly fieldSelector?: string;
  /** what is watched, for logs */
  readonly what: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly random?: () => number;
  /** What it throws is its own fault: it is told the same again later (kube/delivery.ts). */
  readonly onEvent: (event: WatchEvent<T>) => void;
  /** a try failed; another follows */
  readonly onError?: (error: unknown) => void;
  readonly faults: Faults;
}

const MIN_WATCH_S = 300;
/** The server ends a watch in time; one that goes on longer than that is dead. */
const END_MARGIN_MS = 15_000;
/**
 * A bookmark comes each minute (apiserver: storage/cacher bookmarkFrequency); without one the connection is
 * cut somewhere beyond a proxy.
 */
const SILENCE_MS = 90_000;
const backoff = { baseMs: 800, maxMs: 30_000, factor: 2, jitter: 1 };

/** Where the view of the consumer is. */
interface Place {
  readonly version: string;
  readonly epoch: number;
}

export async function watchObjects<T extends KubeObject>(
  options: WatchOptions<T>,
  { signal }: { signal: AbortSignal },
): Promise<void> {
  const delivery = new Delivery(options);
  try {
    await follow(options, delivery, signal);
  } finally {
    delivery.end();
  }
}

async function follow<T extends KubeObject>(
  options: WatchOptions<T>,
  delivery: Delivery<T>,
  signal: AbortSignal,
): Promise<void> {
  const { client, clock, log, onError, what } = options;
  let place: Place | undefined;
  let failures = 0;
  let expired = 0;
  while (!signal.aborted) {
    let waitMs = 0;
    try {
      const epoch = client.epoch?.() ?? 0;
      if (place?.epoch !== epoch) {
        const { path, fieldSelector } = options;
        const { version, items } = await listAll<T>(client, { path, fieldSelector, signal });
        place = { version, epoch };
        delivery.deliver({ type: 'reset', items });
      }
      const started = clock.monotonic();
      const version = await watch(options, { from: place.version, delivery, signal });
      place = version === undefined ? undefined : { epoch, version };
      // a server that ends watches at once must not be asked in a loop
      failures = clock.monotonic() - started < 1_000 ? failures + 1 : 0;
      expired = 0;
    } catch (error) {
      signal.throwIfAborted();
      onError?.(error);
      if (kindOf(error) === 'gone') {
        place = undefined;
        // the server answers again, so what was waited for is over; only one that expires every watch is held
        // off
        failures = expired;
        expired += 1;
        log.info({ what }, 'watch expired: listing again');
      } else {
        if (failures === 0) log.warn({ err: error, what }, 'watch failed: trying again');
        failures += 1;
        waitMs = waitAfter(error, 0);
        if (!isRefused(error)) place = undefined;
      }
    }
    if (failures > 0) waitMs = Math.max(waitMs, backoffMs(backoff, failures, options.random));
    if (waitMs > 0) await clock.sleep(waitMs, { signal });
  }
}

/** Resolves when an open watch has ended: with the newest version observed, or undefined if it broke off. */
async function watch<T extends KubeObject>(
  options: WatchOptions<T>,
  { from, delivery, signal }: { from: string; delivery: Delivery<T>; signal: AbortSignal },
): Promise<string | undefined> {
  const { client, clock, log, path, fieldSelector, what, random = Math.random } = options;
  const timeoutSeconds = Math.round(MIN_WATCH_S * (1 + random()));
  const life = childController(signal);
  const dead = (why: string): void => {
    life.abort(new KubeError('unavailable', why, { status: 0, reason: 'Timeout' }));
  };
  const dueAt = clock.monotonic() + timeoutSeconds * 1000;
  const guard = clock.after(timeoutSeconds * 1000 + END_MARGIN_MS, () => {
    dead('the watch did not end in time');
  });
  const seen = { version: from, isOpen: false, isSilent: false };
  let silence = (): void => undefined;
  const heard = (): void => {
    silence();
    silence = clock.after(SILENCE_MS, () => {
      seen.isSilent = true;
      dead('the watch has been silent for too long');
    });
  };
  try {
    const { body } = await client.stream(path, {
      signal: life.signal,
      query: { watch: true, allowWatchBookmarks: true, resourceVersion: from, timeoutSeconds, fieldSelector },
    });
    seen.isOpen = true;
    heard();
    const form = watchedForm(path);
    for await (const line of jsonLines(body)) {
      heard();
      await shortRound();
      life.signal.throwIfAborted();
      seen.version = take<T>(line, { form, after: seen.version, fieldSelector, delivery });
    }
    return clock.monotonic() >= dueAt - END_MARGIN_MS ? seen.version : undefined;
  } catch (error) {
    signal.throwIfAborted();
    if (!seen.isOpen || kindOf(error) === 'gone' || isUnexpected(error)) throw error;
    // kinds of which nothing has changed since the server's start have no bookmarks either (apiserver: cacher
    // dispatchEvents)
    log[seen.isSilent ? 'debug' : 'info']({ err: error, what }, 'watch broke off: listing again');
    return undefined;
  } finally {
    guard();
    silence();
    life.abort(new Error('the watch has ended'));
  }
}

/** Tells of a line; what version the view has then. */
function take<T extends KubeObject>(
  line: unknown,
  {
    form,
    after,
    fieldSelector,
    delivery,
  }: { form: ObjectForm; after: string; fieldSelector: string | undefined; delivery: Delivery<T> },
): string {
  const event = decodeWatchLine<T>(form, line);
  if ((compareVersions(event.version, after) ?? 0) < 0)
    throw new KubeError('gone', `the watch went back from version ${after} to ${event.version}`, {
      status: 410,
      reason: 'Expired',
    });
  if (event.type === 'BOOKMARK') return event.version;
  if (!matchesFields(event.object, fieldSelector))
    throw unexpected(`the watch reported an object outside ${fieldSelector ?? ''}`, 200);
  delivery.deliver({ type: event.type === 'DELETED' ? 'delete' : 'upsert', object: event.object });
  return event.version;
}

/** The API server was there, and did not want to: the same that a watch was open to, as far as is known. */
function isRefused(error: unknown): boolean {
  return error instanceof KubeError && error.status !== 0 && !isUnexpected(error);
}

function isUnexpected(error: unknown): boolean {
  return error instanceof KubeError && error.reason === UNEXPECTED;
}

function watchedForm(path: string): ObjectForm {
  const form = answerForm('GET', path);
  if (form.is !== 'list') throw new Error(`${path} is no collection that can be watched`);
  return form;
}
