import { shortRound } from './rounds.ts';

/** The longest wait that Node's timers know, about 25 days; they take a longer one for 1 ms. */
const MAX_TIMER_MS = 2 ** 31 - 1;

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
  sleep(ms, { signal } = {}) {
    return new Promise((resolve, reject) => {
      const giveUp = (): void => {
        cancel();
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- the caller's own reason, as it is
        reject(signal?.reason);
      };
      const wake = async (): Promise<void> => {
        await shortRound();
        signal?.removeEventListener('abort', giveUp);
        resolve();
      };
      const cancel = startTimer(ms, () => void wake());
      if (signal?.aborted === true) giveUp();
      else signal?.addEventListener('abort', giveUp, { once: true });
    });
  },
  after: (ms, call) => startTimer(ms, call),
};

/**
 * Calls once after ms, however long that is: waits of years use several timers, one after the other. The one
 * place that makes timers. `holds: false` lets the process end meanwhile.
 */
export function startTimer(ms: number, call: () => void, { holds = true } = {}): () => void {
  let timer: NodeJS.Timeout;
  const wait = (leftMs: number): void => {
    const isLast = !(leftMs > MAX_TIMER_MS);
    timer = setTimeout(
      isLast
        ? call
        : () => {
            wait(leftMs - MAX_TIMER_MS);
          },
      isLast ? leftMs : MAX_TIMER_MS,
    );
    if (!holds) timer.unref();
  };
  wait(ms);
  return () => {
    clearTimeout(timer);
  };
}

/** RFC 3339 in seconds, the form of metav1.Time. */
export function rfc3339(ms: number): string {
  // joined: a replaced text holds both of its parts, and statuses keep their times
  return [new Date(ms).toISOString().slice(0, -'.000Z'.length), 'Z'].join('');
}

/** RFC 3339 with six decimals, the form of metav1.MicroTime. */
export function rfc3339Micro(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z');
}
