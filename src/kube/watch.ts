/**
 * List, then watch, for as long as the signal allows (client-go: tools/cache/reflector.go). Never polls: after an
 * interruption the watch resumes where it was, and only an expired version leads to a new list, which reaches the
 * consumer as a reset, so that what was deleted meanwhile is not missed.
 */
import { KubeError, kindOf } from '../model/errors.ts';
import type { KubeObject } from '../model/kube.ts';
import type { Log } from '../model/log.ts';
import { childController } from '../util/abort.ts';
import { backoffMs } from '../util/backoff.ts';
import type { Clock } from '../util/clock.ts';
import type { KubeConnection } from './connect.ts';
import { watchError } from './errors.ts';
import { jsonLines } from './json-lines.ts';

export type WatchEvent<T> =
  | { readonly type: 'reset'; readonly items: T[] }
  | { readonly type: 'upsert'; readonly object: T }
  | { readonly type: 'delete'; readonly object: T };

export interface WatchOptions<T> {
  readonly client: Pick<KubeConnection, 'get' | 'stream'>;
  readonly path: string;
  readonly fieldSelector?: string;
  /** what is watched, for logs */
  readonly what: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly random?: () => number;
  readonly onEvent: (event: WatchEvent<T>) => void;
  /** a try failed; another follows */
  readonly onError?: (error: unknown) => void;
}

const PAGE = 500;
const MIN_WATCH_S = 300;
/** The server ends a watch in time; one that stays silent longer than that is dead. */
const IDLE_MARGIN_MS = 15_000;
const backoff = { baseMs: 800, maxMs: 30_000, factor: 2, jitter: 1 };

interface List<T> {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items?: T[];
}

export async function watchObjects<T extends KubeObject>(
  options: WatchOptions<T>,
  { signal }: { signal: AbortSignal },
): Promise<void> {
  const { clock, log, onEvent, onError, what } = options;
  let version: string | undefined;
  let failures = 0;
  let expired = 0;
  while (!signal.aborted) {
    try {
      if (version === undefined) {
        const listed = await list(options, signal);
        version = listed.version;
        onEvent({ type: 'reset', items: listed.items });
      }
      const started = clock.monotonic();
      version = await watch(options, version, signal);
      // a server that ends watches at once must not be asked in a loop
      failures = clock.monotonic() - started < 1_000 ? failures + 1 : 0;
      expired = 0;
    } catch (error) {
      signal.throwIfAborted();
      onError?.(error);
      if (kindOf(error) === 'gone') {
        version = undefined;
        // the server answers again, so what was waited for is over; only one that expires every watch is held off
        failures = expired;
        expired += 1;
        log.info({ what }, 'watch expired: listing again');
      } else {
        if (failures === 0) log.warn({ err: error, what }, 'watch failed: trying again');
        failures += 1;
      }
    }
    if (failures > 0) await clock.sleep(backoffMs(backoff, failures, options.random), { signal });
  }
}

async function list<T extends KubeObject>(
  options: WatchOptions<T>,
  signal: AbortSignal,
): Promise<{ version: string; items: T[] }> {
  const items: T[] = [];
  let next: string | undefined;
  for (;;) {
    const page: List<T> = await options.client.get<List<T>>(options.path, {
      signal,
      query: { limit: PAGE, continue: next, fieldSelector: options.fieldSelector },
    });
    items.push(...(page.items ?? []));
    next = page.metadata?.continue === '' ? undefined : page.metadata?.continue;
    if (next === undefined) return { version: page.metadata?.resourceVersion ?? '', items };
  }
}

/** Resolves with the newest version seen when the server ends the watch. */
async function watch<T extends KubeObject>(
  options: WatchOptions<T>,
  from: string,
  signal: AbortSignal,
): Promise<string> {
  const { client, clock, path, fieldSelector, onEvent, random = Math.random } = options;
  const timeoutSeconds = Math.round(MIN_WATCH_S * (1 + random()));
  const life = childController(signal);
  const guard = clock.after(timeoutSeconds * 1000 + IDLE_MARGIN_MS, () => {
    life.abort(
      new KubeError('unavailable', 'the watch did not end in time', { status: 0, reason: 'Timeout' }),
    );
  });
  let version = from;
  try {
    const { body } = await client.stream(path, {
      signal: life.signal,
      query: { watch: true, allowWatchBookmarks: true, resourceVersion: from, timeoutSeconds, fieldSelector },
    });
    for await (const line of jsonLines(body)) {
      const { type, object } = line as { type: string; object: T };
      if (type === 'ERROR') throw watchError(object);
      version = object.metadata?.resourceVersion ?? version;
      if (type === 'ADDED' || type === 'MODIFIED') onEvent({ type: 'upsert', object });
      else if (type === 'DELETED') onEvent({ type: 'delete', object });
    }
    return version;
  } catch (error) {
    signal.throwIfAborted();
    if (kindOf(error) === 'gone') throw error;
    // the connection broke: what was seen so far counts, and the watch goes on from there
    if (version !== from) return version;
    throw error;
  } finally {
    guard();
    life.abort(new Error('the watch has ended'));
  }
}
