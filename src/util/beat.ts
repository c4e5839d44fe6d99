/**
 * Ticks that come at the same time for whoever has the same period: what is asked of one host at regular times goes there
 * together, which on a far one is one message. ms from `now` on any clock; never 0. Pure.
 */
export function untilBeat(now: number, everyMs: number): number {
  return everyMs - (((now % everyMs) + everyMs) % everyMs);
}
