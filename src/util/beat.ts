/**
 * When what is done regularly is done. A loop that wakes up finds everything cold and pays for the first
 * thing several times over: what is due about the same time is due on the same tick. Questions of one period
 * go out together, and with those of a period that theirs is a multiple of: on a far host that is one
 * message. Of many hosts ten have a beat together: a hundred that were all looked at in the same moment would
 * keep everybody else waiting.
 */
import type { Clock } from './clock.ts';

/** Beats may differ by as much. */
const LONGEST_MS = 300_000;
/** Beats of one process differ by whole multiples of this, so that many of them share their ticks. */
const TICK_MS = 200;
/**
 * So many hosts have one beat: what a host with nothing to do costs is above all that the loop wakes up for
 * it. How long a tick of theirs may take has a bound of its own (rounds.ts).
 */
const TOGETHER = 10;
/** Of the golden ratio: however many beats there are, they are spread evenly over every period. */
const SPREAD = (Math.sqrt(5) - 1) / 2;
/** Timers are off by a millisecond or two: one that is early has its tick and does not wait for it again. */
export const EARLY_MS = 5;
/** Of two ticks the first may have come to its work late, and the other been early. */
const SLACK_MS = 100;

export class Beat {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #firstMs: number;
  readonly #place: number;
  readonly #phaseMs: number;

  /** `firstMs`: where in the longest period the first of a process lies; processes differ in that. */
  constructor(clock: Pick<Clock, 'monotonic'>, firstMs = Math.random() * LONGEST_MS, place = 0) {
    this.#clock = clock;
    this.#firstMs = firstMs;
    this.#place = place;
    const beats = Math.floor(place / TOGETHER);
    this.#phaseMs = firstMs + Math.round(((beats * SPREAD) % 1) * (LONGEST_MS / TICK_MS)) * TICK_MS;
  }

  /** That of the host so many places after this one: ten in a row have one. */
  shifted(by: number): Beat {
    return new Beat(this.#clock, this.#firstMs, this.#place + by);
  }

  /** ms until the next tick of that period; never 0. */
  until(everyMs: number): number {
    return this.from(EARLY_MS, everyMs);
  }

  /** ms until the first tick of that period that is so many ms away, or more. */
  from(ms: number, everyMs: number): number {
    const at = this.#clock.monotonic() + ms + this.#phaseMs;
    const over = ((at % everyMs) + everyMs) % everyMs;
    return Math.ceil(over === 0 ? ms : ms + everyMs - over);
  }

  /** Whether what was begun then, on a tick, is due again on this one. */
  isDue(begun: number, everyMs: number): boolean {
    return this.#clock.monotonic() - begun >= everyMs - SLACK_MS;
  }

  /** ms until the first tick that leaves at least half of the period free: for what may itself take long. */
  after(everyMs: number): number {
    return this.from(everyMs / 2, everyMs);
  }
}
