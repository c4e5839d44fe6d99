/** How many starts a host's runtime works on at a time, and for how long one counts as work. Pure. */

/** RunPodSandbox, CreateContainer and StartContainer. */
export const startCalls = ['sandbox', 'create', 'start'] as const;
export type StartCall = (typeof startCalls)[number];

const STARTS_PER_CPU = 1.5;
const MIN_WIDTH = 2;
/** A call is worked on for so long at least, or a moment without work would let all of a burst through. */
const MIN_WORK_MS = 20;
const MIN_PART = 1 / 8;
const PATIENCE_MS = 2_000;
const MIN_PATIENCE_MS = 200;

/** ms that calls are taken to be worked on before any has ended. */
export const firstWorkMs: Readonly<Record<StartCall, number>> = { sandbox: 150, create: 30, start: 60 };

/**
 * Starts wait for locks and disks too, so that one per CPU leaves CPUs idle; with more, they slow each other
 * down.
 */
export function startWidth(cpus: number): number {
  return Math.max(MIN_WIDTH, Math.ceil(STARTS_PER_CPU * cpus));
}

/**
 * The part of a call's time in which the host works on it, in (0, 1]: for the rest it is on its way there or
 * back.
 * @param workMs what a call takes beyond the round trip
 */
export function workedOn({
  roundTripMs,
  workMs,
}: {
  readonly roundTripMs: number;
  readonly workMs: number;
}): number {
  const work = Math.max(MIN_WORK_MS, workMs);
  return Math.max(MIN_PART, work / (work + roundTripMs));
}

/**
 * Whether so many calls may be under way: `width` of them are worked on, on average (Little's law). They come
 * in no even flow: the more of them are on their way, the more their number varies, and by as many more the
 * host has work meanwhile.
 * @param parts of each of them, `workedOn`
 */
export function mayBeUnderWay(parts: readonly number[], width: number): boolean {
  const worked = parts.reduce((sum, part) => sum + part, 0);
  const variance = parts.reduce((sum, part) => sum + part * (1 - part), 0);
  return parts.length <= 1 || worked - Math.sqrt(variance) <= width;
}

/**
 * ms after which a start that has not ended is taken to hang rather than to work. The more hang already, the
 * less the next ones are waited for.
 */
export function startPatienceMs(hanging: number): number {
  return Math.max(MIN_PATIENCE_MS, PATIENCE_MS / (1 + hanging));
}
