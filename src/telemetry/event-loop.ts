/** How busy the event loop is, and how late what is due on it. */
import type { Clock } from '../util/clock.ts';

/**
 * Samples are taken as time passes, not as work comes: their share above a delay is that of what falls due at
 * any time. Ten a second took a third of the CPU that a node with nothing to do used.
 */
const SAMPLE_MS = 500;

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
  let cancel = (): void => undefined;
  const next = (): void => {
    const due = clock.monotonic() + SAMPLE_MS;
    cancel = clock.after(SAMPLE_MS, () => {
      onDelay(Math.max(0, clock.monotonic() - due) / 1000);
      next();
    });
  };
  next();
  const end = (): void => {
    cancel();
  };
  signal.addEventListener('abort', end, { once: true });
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
