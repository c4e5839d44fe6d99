/** An exponential backoff as data. `jitter` 0.5 means up to half as much again. */
export interface BackoffPolicy {
  readonly baseMs: number;
  readonly maxMs: number;
  readonly factor: number;
  readonly jitter?: number;
}

/** The wait after `failures` failures in a row (≥ 1). `random` is in [0, 1). */
export function backoffMs(
  policy: BackoffPolicy,
  failures: number,
  random: () => number = Math.random,
): number {
  const plain = Math.min(policy.maxMs, policy.baseMs * policy.factor ** Math.max(0, failures - 1));
  return plain * (1 + (policy.jitter ?? 0) * random());
}

/** ms × (1 … 1+factor), as wait.Jitter does. */
export function jittered(ms: number, factor: number, random: () => number = Math.random): number {
  return ms * (1 + factor * random());
}
