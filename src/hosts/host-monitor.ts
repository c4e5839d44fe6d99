/**
 * Looks at a host at regular times for all who want to watch something there. Whoever is due at the same time
 * shares one look: on a far host that is one message, however many watch.
 */
import type { Log } from '../model/log.ts';
import { EARLY_MS, type Beat } from '../util/beat.ts';
import type { Clock } from '../util/clock.ts';
import type { HostAnswer, HostFiles, HostQuery } from './link/link.ts';

export interface HostWatcher {
  readonly name: string;
  readonly everyMs: number;
  queries(options: { signal: AbortSignal }): Promise<readonly HostQuery[]> | readonly HostQuery[];
  /**
   * Acts on the answers to `asked`, which are `queries` of some moments ago, in their order; while it does,
   * it is not asked again, and nobody else waits for it.
   */
  take(
    answers: readonly HostAnswer[],
    options: { signal: AbortSignal; asked: readonly HostQuery[] },
  ): Promise<void>;
}

export interface HostMonitorOptions {
  readonly files: Pick<HostFiles, 'look'>;
  readonly beat: Pick<Beat, 'until'>;
  readonly clock: Pick<Clock, 'monotonic' | 'sleep'>;
  readonly log: Log;
  readonly isReady: () => boolean;
  readonly watchers: readonly HostWatcher[];
}

export class HostMonitor {
  readonly #options: HostMonitorOptions;
  readonly #busy = new Set<HostWatcher>();
  readonly #troubled = new Set<HostWatcher>();

  constructor(options: HostMonitorOptions) {
    this.#options = options;
  }

  /** Watches until the signal aborts; the first look is at once. */
  async run(signal: AbortSignal): Promise<void> {
    const { beat, clock, isReady, watchers } = this.#options;
    const start = clock.monotonic();
    const dueAt = new Map(watchers.map((watcher) => [watcher, start]));
    while (watchers.length > 0) {
      await clock.sleep(Math.max(0, Math.min(...dueAt.values()) - clock.monotonic()), { signal });
      const now = clock.monotonic();
      const due = watchers.filter((watcher) => (dueAt.get(watcher) ?? 0) <= now + EARLY_MS);
      for (const watcher of due) {
        // by the beat that looks at the runtime keep as well, so that they travel together
        dueAt.set(watcher, now + beat.until(watcher.everyMs));
      }
      if (isReady())
        await this.#look(
          due.filter((watcher) => !this.#busy.has(watcher)),
          signal,
        );
    }
  }

  async #look(watchers: readonly HostWatcher[], signal: AbortSignal): Promise<void> {
    const asked = (
      await Promise.all(
        watchers.map(async (watcher) => ({
          watcher,
          queries: await this.#trying(watcher, async () => watcher.queries({ signal }), signal),
        })),
      )
    ).filter((each) => each.queries !== undefined);
    const all = asked.flatMap(({ queries = [] }) => queries);
    if (all.length === 0) return;
    let answers: readonly HostAnswer[];
    try {
      answers = await this.#options.files.look(all, { signal });
    } catch (error) {
      signal.throwIfAborted();
      this.#options.log.warn({ err: error }, 'the host could not be observed');
      return;
    }
    let from = 0;
    for (const { watcher, queries = [] } of asked) {
      const own = answers.slice(from, (from += queries.length));
      if (queries.length > 0) void this.#hand(watcher, { answers: own, asked: queries, signal });
    }
  }

  async #hand(
    watcher: HostWatcher,
    {
      answers,
      ...options
    }: { answers: readonly HostAnswer[]; asked: readonly HostQuery[]; signal: AbortSignal },
  ): Promise<void> {
    this.#busy.add(watcher);
    await this.#trying(watcher, () => watcher.take(answers, options), options.signal).catch(() => undefined);
    this.#busy.delete(watcher);
  }

  /** A watcher that fails is told of once, until it has succeeded. Rejects only with the signal's reason. */
  async #trying<T>(
    watcher: HostWatcher,
    work: () => Promise<T>,
    signal: AbortSignal,
  ): Promise<T | undefined> {
    try {
      const result = await work();
      this.#troubled.delete(watcher);
      return result;
    } catch (error) {
      signal.throwIfAborted();
      if (!this.#troubled.has(watcher))
        this.#options.log.warn(
          { err: error, watcher: watcher.name },
          'watching the host failed: trying again',
        );
      this.#troubled.add(watcher);
      return undefined;
    }
  }
}
