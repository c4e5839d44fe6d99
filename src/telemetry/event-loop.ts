/** How busy the event loop is, and how late what is due on it. */
import type { Clock } from '../util/clock.ts';

/**
 * Samples are taken as time passes, not as work comes: their share above a delay is that of what falls due at
 * any time.
 */
const SAMPLE_MS = 100;

/** Tells again and again, until the signal aborts, by how many seconds a timer was late. */
export function sampleLoopDelay({
  clock,
  onDelay,
  signal,
}: {
  readonly clock: Pick<Clock, 'monotonic' | 'after'>;
  readonly onDelay: (seconds: number) => void;
  readonly signal: AbortSignal;
}): void {
  if (signal.aborted) return;
  const due = clock.monotonic() + SAMPLE_MS;
  const again = (): void => {
    signal.removeEventListener('abort', cancel);
    onDelay(Math.max(0, clock.monotonic() - due) / 1000);
    sampleLoopDelay({ clock, onDelay, signal });
  };
  const cancel = clock.after(SAMPLE_MS, again);
  signal.addEventListener('abort', cancel, { once: true });
}

export interface LoopTime {
  /** seconds since the loop began that it waited for something to happen */
  readonly idle: number;
  /** and that it did not */
  readonly active: number;
}

export function loopTime(): LoopTime {
  const { idle, active } = performance.eventLoopUtilization();
  return { idle: idle / 1000, active: active / 1000 };
}
