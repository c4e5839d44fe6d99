/** How many starts a host's runtime works on at a time, and for how long one counts as work. Pure. */

const STARTS_PER_CPU = 1.5;
const MIN_WIDTH = 2;
const PATIENCE_MS = 2_000;
const MIN_PATIENCE_MS = 200;

/**
 * Starts wait for locks and disks too, so that one per CPU leaves CPUs idle; with more, they slow each other
 * down.
 */
export function startWidth(cpus: number): number {
  return Math.max(MIN_WIDTH, Math.ceil(STARTS_PER_CPU * cpus));
}

/**
 * ms after which a start that has not ended is taken to hang rather than to work. The more hang already, the
 * less the next ones are waited for.
 */
export function startPatienceMs(hanging: number): number {
  return Math.max(MIN_PATIENCE_MS, PATIENCE_MS / (1 + hanging));
}
