/** How busy the event loop is, and how late what is due on it. */
import type { Beat } from '../util/beat.ts';
import type { Clock } from '../util/clock.ts';
import { shortRound } from '../util/rounds.ts';

/**
 * Samples are taken as time passes, not as work comes, and on the beat, when other things are due: their
 * share above a delay is that of what is regular. Ten a second took a third of the CPU that a node with
 * nothing to do used.
 */
const SAMPLE_MS = 1_000;

/** Tells again and again, until the signal aborts, by how many seconds what was due came late. */
export function sampleLoopDelay({
  beat,
  clock,
  onDelay,
  signal,
}: {
  readonly beat: Pick<Beat, 'until'>;
  readonly clock: Pick<Clock, 'monotonic' | 'after'>;
  readonly onDelay: (seconds: number) => void;
  readonly signal: AbortSignal;
}): void {
  if (signal.aborted) return;
  let cancel = (): void => undefined;
  const next = (): void => {
    const ms = beat.until(SAMPLE_MS);
    const due = clock.monotonic() + ms;
    cancel = clock.after(ms, () => void sample(due));
  };
  const sample = async (due: number): Promise<void> => {
    // for its turn as well, as whatever else was due then
    await shortRound();
    if (signal.aborted) return;
    onDelay(Math.max(0, clock.monotonic() - due) / 1000);
    next();
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
