import { lru } from '../../util/lru.ts';

/** CrashLoopBackOff (kuberuntime_manager.go doBackOff; client-go util/flowcontrol/backoff.go). */

const BASE_MS = 10_000;
/** Whatever the cap (kubelet.go, crashLoopBackOff.HasExpiredFunc). */
const QUIET_MS = 600_000;
const ENTRIES = 10_000;

interface Entry {
  readonly delayMs: number;
  readonly updatedAt: number;
}

/**
 * Restarts of one container: the first is immediate; each further one waits 10 s, 20 s, … up to the cap after
 * the last exit; a container begins again ten minutes after its last start was tried, whether it ran or
 * waited since: the kubelet's housekeeping forgets it then (HandlePodCleanups, Backoff.GC). Lost with the
 * process, as the kubelet's is.
 */
export class RestartBackoff {
  readonly #maxMs: number;
  readonly #localTime: (at: number) => number;
  readonly #entries = lru<Entry>(ENTRIES);

  /** `localTime`: what the runtime's clock says (ms) by the clock of `now`; default: they are one */
  constructor({
    maxMs,
    localTime = (at) => at,
  }: {
    readonly maxMs: number;
    readonly localTime?: (at: number) => number;
  }) {
    this.#maxMs = maxMs;
    this.#localTime = localTime;
  }

  /**
   * Asks to start a container that exited at `finished` (ms, by the runtime's clock). undefined: it may
   * start, and the next wait grows; otherwise how long it has to wait and until when.
   */
  next(
    key: string,
    finished: number,
    now: number,
  ): { readonly delayMs: number; readonly until: number } | undefined {
    const finishedAt = this.#localTime(finished);
    const entry = this.#entries.get(key);
    const fresh = entry === undefined || Math.max(finishedAt, now) - entry.updatedAt > QUIET_MS;
    if (!fresh && now - finishedAt < entry.delayMs)
      return { delayMs: entry.delayMs, until: finishedAt + entry.delayMs };
    this.#entries.set(key, {
      delayMs: fresh ? Math.min(BASE_MS, this.#maxMs) : Math.min(entry.delayMs * 2, this.#maxMs),
      updatedAt: now,
    });
    return undefined;
  }
}
