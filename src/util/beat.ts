/**
 * Ticks at the same time for all callers with the same period: regular questions to one host go out together,
 * which on a far host is one message. ms from `now` on any clock; never 0. Pure.
 */
export function untilBeat(now: number, everyMs: number): number {
  return everyMs - (((now % everyMs) + everyMs) % everyMs);
}
