import { backoffMs, type BackoffPolicy } from './backoff.ts';
import type { Clock } from './clock.ts';

export interface RetryOptions {
  readonly policy: BackoffPolicy;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly signal: AbortSignal;
  /**
   * Told of each failure, and of how many came in a row. What it throws ends the tries, and is what they
   * reject with.
   */
  readonly onFailure: (error: unknown, failures: number) => void;
  /** ms to wait, where a failure itself asks for more than the back-off; default: the back-off */
  readonly waitMs?: (error: unknown, backoffMs: number) => number;
}

/**
 * Tries until it succeeds, with back-off. Rejects only with what `onFailure` throws, or with the signal's
 * reason.
 */
export async function retry<T>(attempt: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { policy, clock, signal, onFailure, waitMs = ownWait } = options;
  for (let failures = 1; ; failures += 1) {
    try {
      return await attempt();
    } catch (error) {
      signal.throwIfAborted();
      onFailure(error, failures);
      await clock.sleep(waitMs(error, backoffMs(policy, failures)), { signal });
    }
  }
}

function ownWait(_error: unknown, ms: number): number {
  return ms;
}

/** Of failures that go on and on, those that are worth a line in the log: the first, and each tenth. */
export function isWorthTelling(failures: number): boolean {
  return failures === 1 || failures % 10 === 0;
}
