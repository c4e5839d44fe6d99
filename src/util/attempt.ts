import { reasonOf } from './abort.ts';
import type { Clock } from './clock.ts';

export interface AttemptOptions {
  readonly signal: AbortSignal;
  readonly limit?: { readonly clock: Pick<Clock, 'after'>; readonly ms: number };
}

export interface Attempt<T> {
  /** false: the attempt has ended before, and nobody takes the value */
  readonly succeed: (value: T) => boolean;
  /** counts unless the attempt has ended before */
  readonly fail: (error: unknown) => void;
}

/** Takes off the attempt's listeners; after a failure it also lets go of what was opened. */
export type EndAttempt = (outcome: AttemptOutcome) => void;

export interface AttemptOutcome {
  readonly isFailure: boolean;
}

/**
 * Something that is told by events, such as a handshake, as a promise that settles once: with what `begin`
 * makes of the events, with an error that says so after the limit, or with the signal's reason. What `begin`
 * returns is called at that very moment, before another event can come; what it throws is a failure.
 */
export function attempt<T>(
  { signal, limit }: AttemptOptions,
  begin: (attempt: Attempt<T>) => EndAttempt | undefined,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const state: { outcome?: AttemptOutcome; onEnd?: EndAttempt | undefined } = {};
    const end = (outcome: AttemptOutcome): boolean => {
      if (state.outcome !== undefined) return false;
      state.outcome = outcome;
      cancelTimer?.();
      signal.removeEventListener('abort', abort);
      state.onEnd?.(outcome);
      return true;
    };
    const fail = (error: unknown): void => {
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- it is what it was given
      if (end({ isFailure: true })) reject(error);
    };
    const succeed = (value: T): boolean => {
      const isFirst = end({ isFailure: false });
      if (isFirst) resolve(value);
      return isFirst;
    };
    const abort = (): void => {
      fail(reasonOf(signal));
    };
    const cancelTimer = limit?.clock.after(limit.ms, () => {
      fail(new Error(`no answer within ${String(limit.ms / 1000)}s`));
    });
    signal.addEventListener('abort', abort, { once: true });
    try {
      state.onEnd = begin({ succeed, fail });
    } catch (error) {
      fail(error);
    }
    // it may have ended while it began
    if (state.outcome !== undefined) state.onEnd?.(state.outcome);
    else if (signal.aborted) abort();
  });
}
