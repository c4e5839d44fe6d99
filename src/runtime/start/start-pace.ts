/** How many starts a host's runtime works on at a time, and for how long one counts as work. Pure. */

const STARTS_PER_CPU = 1.5;
const MIN_WIDTH = 2;
/** A call is worked on for so long at least, or a moment without work would let all of a burst through. */
const MIN_WORK_MS = 20;
const MOST_STRETCHED = 8;
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
 * How many calls may be under way, so that as many as `width` are worked on: over a far link the others are
 * on their way there or back (Little's law), and the host's CPUs would wait for them. They come in no even
 * flow: as many more as their number varies by (its square root) keep the host at work meanwhile.
 * @param workMs what a call takes beyond the round trip
 */
export function stretchedWidth(
  width: number,
  { roundTripMs, workMs }: { readonly roundTripMs: number; readonly workMs: number },
): number {
  const perWorkedOn = Math.min(MOST_STRETCHED - 1, roundTripMs / Math.max(MIN_WORK_MS, workMs));
  const underWay = width * perWorkedOn;
  return Math.round(width + underWay + Math.sqrt(underWay));
}

/**
 * ms after which a start that has not ended is taken to hang rather than to work. The more hang already, the
 * less the next ones are waited for.
 */
export function startPatienceMs(hanging: number): number {
  return Math.max(MIN_PATIENCE_MS, PATIENCE_MS / (1 + hanging));
}
