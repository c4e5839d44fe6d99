/**
 * How often pulls may begin: a bucket of `burst` that fills at `perSecond` (registryPullQPS, registryBurst).
 * No rate means no limit.
 */
export class PullRate {
  readonly #perSecond: number;
  readonly #burst: number;
  #tokens: number;
  #at: number | undefined;

  constructor(options: { perSecond: number; burst: number }) {
    this.#perSecond = options.perSecond;
    this.#burst = options.burst;
    this.#tokens = options.burst;
  }

  /** Whether one more may begin now (ms). */
  take(now: number): boolean {
    if (this.#perSecond <= 0) return true;
    const elapsed = now - (this.#at ?? now);
    this.#tokens = Math.min(this.#burst, this.#tokens + (elapsed / 1000) * this.#perSecond);
    this.#at = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
