import { setTimeout as delay } from 'node:timers/promises';

/** Time as a dependency. Everything that waits or dates takes one; tests advance their own. */
export interface Clock {
  /** ms since the epoch: for what people and other machines read */
  now(): number;
  /** ms from an arbitrary start, never going back: for intervals and order */
  monotonic(): number;
  /** Resolves after ms; rejects with the signal's reason as soon as it aborts. */
  sleep(ms: number, options?: { signal?: AbortSignal }): Promise<void>;
  /** Calls once after ms unless the returned function is called first. */
  after(ms: number, call: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  async sleep(ms, { signal } = {}) {
    try {
      await delay(ms, undefined, signal === undefined ? {} : { signal });
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  },
  after(ms, call) {
    const timer = setTimeout(call, ms);
    return () => {
      clearTimeout(timer);
    };
  },
};

/** RFC 3339 in seconds, the form of metav1.Time. */
export function rfc3339(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d{3}Z$/, 'Z');
}

/** RFC 3339 with six decimals, the form of metav1.MicroTime. */
export function rfc3339Micro(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z');
}
