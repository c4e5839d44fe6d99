/** Processor time between two readings of a host. */
interface Sample {
  readonly at: number;
  readonly nanos: ReadonlyMap<string, number>;
}

/** Readings closer than this would tell more of the clock than of the use. */
const LEAST_MS = 5_000;
/** What was longer ago says nothing of now. */
const MOST_MS = 300_000;

export class CpuRates {
  #base: Sample | undefined;
  #latest: Sample | undefined;

  /**
   * By key, the nanoseconds a second since a reading of at least 5 s ago; a key that is new, or whose time
   * went back, has none.
   */
  take(at: number, nanos: ReadonlyMap<string, number>): Map<string, number> {
    if (this.#latest === undefined || at < this.#latest.at || at - this.#latest.at >= LEAST_MS) {
      this.#base = this.#latest !== undefined && at >= this.#latest.at ? this.#latest : undefined;
      this.#latest = { at, nanos };
    }
    const base = this.#base;
    const ms = base === undefined ? 0 : at - base.at;
    if (base === undefined || ms < LEAST_MS || ms > MOST_MS) return new Map();
    return new Map(
      [...nanos].flatMap(([key, now]): [string, number][] => {
        const before = base.nanos.get(key);
        return before === undefined || now < before ? [] : [[key, Math.round(((now - before) * 1000) / ms)]];
      }),
    );
  }
}
