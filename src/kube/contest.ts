/** What else writes the statuses that farlet writes: how long it is let have its way. Pure. */
import { backoffMs } from '../util/backoff.ts';

/** How often in a row something else has overwritten what was written, and when last (ms, monotonic). */
export interface Contest {
  readonly times: number;
  readonly at: number;
}

const MAX_MS = 300_000;
const wait = { baseMs: 1_000, maxMs: MAX_MS, factor: 3, jitter: 0.1 };

/** It has happened again; what was long ago is forgotten. */
export function overwritten(before: Contest | undefined, now: number): Contest {
  const isOver = before === undefined || now - before.at > 2 * MAX_MS;
  return { times: isOver ? 1 : before.times + 1, at: now };
}

/** ms before the status may be put back: a second at first, five minutes in the end. */
export function truceMs({ times }: Contest, random?: () => number): number {
  return backoffMs(wait, times, random);
}
