/**
 * When a host is asked what it is asked regularly. Questions of one period go out together, and with those of
 * a period that theirs is a multiple of: on a far host that is one message. Hosts have beats of their own: a
 * hundred that were all looked at in the same moment would keep everybody else waiting.
 */
import type { Clock } from './clock.ts';

/** No regular question is asked more rarely: beats may differ by as much. */
const LONGEST_MS = 300_000;

export class Beat {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #phaseMs: number;

  /** `random` in [0, 1): where in the longest period this beat lies. */
  constructor(clock: Pick<Clock, 'monotonic'>, random: () => number = Math.random) {
    this.#clock = clock;
    this.#phaseMs = Math.floor(random() * LONGEST_MS);
  }

  /** ms until the next tick of that period; never 0. */
  until(everyMs: number): number {
    const now = this.#clock.monotonic() + this.#phaseMs;
    return everyMs - (((now % everyMs) + everyMs) % everyMs);
  }

  /** ms until the first tick that leaves at least half of the period free: for what may itself take long. */
  after(everyMs: number): number {
    const ms = this.until(everyMs);
    return ms < everyMs / 2 ? ms + everyMs : ms;
  }
}
