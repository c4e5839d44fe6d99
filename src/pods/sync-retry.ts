/** When a pod that failed to sync is tried again (completeWork in pkg/kubelet/pod_workers.go). */
import type { PodSyncResult } from '../runtime/pod/pod-runtime.ts';
import { jittered } from '../util/backoff.ts';

const NETWORK_RETRY_MS = 1_000;
const ERROR_RETRY_MS = 10_000;
const MAX_RETRY_MS = 60_000;
const MIN_RETRY_MS = 10;
const JITTER = 0.5;

/** ms to wait after an error: 10 s and up to half as much again, which spreads pods that failed together. */
export function errorRetryMs(random?: () => number): number {
  return jittered(ERROR_RETRY_MS, JITTER, random);
}

/** ms to wait for the host's network: 1 s and up to half as much again. */
export function networkRetryMs(random?: () => number): number {
  return jittered(NETWORK_RETRY_MS, JITTER, random);
}

/**
 * ms from `now` (ms since the epoch) until the next try; undefined if nothing failed. If every failed step
 * knows its time, as back-offs do, the earliest counts, and a minute is the longest wait.
 */
export function retryAfterSync(
  { steps, error }: Pick<PodSyncResult, 'steps' | 'error'>,
  now: number,
  random?: () => number,
): number | undefined {
  const failures = steps.flatMap((step) => (step.error === undefined ? [] : [step.error]));
  if (error === undefined && failures.length === 0) return undefined;
  const times = failures.map(({ retryAt }) => retryAt).filter((at) => at !== undefined);
  if (error !== undefined || times.length < failures.length) return errorRetryMs(random);
  return Math.max(MIN_RETRY_MS, Math.min(...times.map((at) => at - now), MAX_RETRY_MS));
}
