import { lru } from '../../util/lru.ts';

const baseMs = 10_000;
const maxMs = 300_000;
const maxEntries = 5000;

interface Entry {
  readonly delayMs: number;
  readonly failedAt: number;
  readonly message: string;
}

/**
 * When an image whose pull failed may be tried again: 10 s, doubled with each failure up to 300 s, forgotten
 * after twice the maximum without one (client-go flowcontrol.Backoff as images/image_manager.go uses it).
 * Keys are pod UID and image; bounded, the least used goes first. Times are ms of the caller's clock.
 */
export class PullBackoff {
  readonly #entries = lru<Entry>(maxEntries);

  /** The failure that still holds pulls back, and until when. */
  heldBack(key: string, now: number): { readonly until: number; readonly message: string } | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined || now - entry.failedAt >= entry.delayMs) return undefined;
    return { until: entry.failedAt + entry.delayMs, message: entry.message };
  }

  failed(key: string, now: number, message: string): void {
    const before = this.#entries.get(key);
    const goesOn = before !== undefined && now - before.failedAt <= 2 * maxMs;
    const delayMs = goesOn ? Math.min(maxMs, before.delayMs * 2) : baseMs;
    this.#entries.set(key, { delayMs, failedAt: now, message });
  }
}
