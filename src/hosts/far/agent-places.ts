/** Which agent of a host takes a request, if any: the rules of remote-agents.ts. Pure. */
import type { Pace } from '../link/host-request.ts';

/** One agent, as far as it matters here. */
export interface Worker {
  /** how many requests it has that are not answered */
  readonly load: number;
  /** of what it does; quick when it does nothing */
  readonly pace: Pace;
  /** when it last answered, or was given something to do first: ms of the monotonic clock */
  readonly movedAt: number;
}

export interface Crew<W extends Worker> {
  readonly workers: readonly W[];
  /** how many more are being opened */
  readonly opening: number;
  /** whether the host lets another be opened */
  readonly mayOpen: boolean;
  /** ms of the monotonic clock */
  readonly now: number;
}

export interface Place<W extends Worker> {
  /** undefined: the request waits */
  readonly worker: W | undefined;
  /** another agent would be of use to it */
  readonly wantsMore: boolean;
  /** it waits for its like alone: whatever else comes may overtake it */
  readonly isEnough: boolean;
}

export const MAX_AGENTS = 6;
const MAX_IN_FLIGHT = 32;
/** Brief changes of one agent: each may be the one that takes long after all. */
const MAX_BRIEF_IN_FLIGHT = 8;
/** An agent without an answer for so long gets no more brief changes: more than a way there and back. */
const MOVES_MS = 2_000;
/**
 * Agents for what brings much: what one sends is bounded by the window of its channel in a round trip, which
 * ssh2 makes 2 MiB.
 */
const MAX_BULK = 2;

/**
 * @param mayShare whether a brief change may go behind its like: not while others wait for any agent to be
 * idle, which would never be
 */
export function placeFor<W extends Worker>(
  pace: Pace,
  crew: Crew<W>,
  { mayShare }: { mayShare: boolean },
): Place<W> {
  if (pace === 'quick' || pace === 'bulk') {
    const worker = pace === 'quick' ? forQuick(crew) : forBulk(crew);
    const wantsMore = pace === 'quick' ? worker === undefined : (worker?.load ?? 1) > 0;
    return { worker, wantsMore, isEnough: false };
  }
  const isEnough = isEnoughOf(pace, crew);
  const mayTakeIdle = !isEnough && !isFull(crew);
  const idle = mayTakeIdle ? idleOf(crew) : undefined;
  const worker = idle ?? (pace === 'brief' && mayShare ? movingBrief(crew) : undefined);
  return { worker, wantsMore: mayTakeIdle && idle === undefined, isEnough };
}

/** How many more agents may be of use to what brings much. */
export function bulkLeft(crew: Crew<Worker>): number {
  return maxBulk(crew) - shared('bulk', crew).length;
}

/** What the caller does next may overtake it. */
export function changesNothing(pace: Pace): boolean {
  return pace === 'quick' || pace === 'bulk';
}

function forQuick<W extends Worker>(crew: Crew<W>): W | undefined {
  return shared('quick', crew)[0] ?? idleOf(crew) ?? (crew.mayOpen ? undefined : shared('bulk', crew)[0]);
}

function forBulk<W extends Worker>(crew: Crew<W>): W | undefined {
  const [bulk, idle] = [shared('bulk', crew), idleOf(crew)];
  if (bulk.length < maxBulk(crew) && idle !== undefined) return idle;
  const waits = maxBulk(crew) > 0 && crew.mayOpen;
  return bulk[0] ?? (waits ? undefined : (shared('quick', crew)[0] ?? idle));
}

/** For a brief change that can have no agent to itself. */
function movingBrief<W extends Worker>(crew: Crew<W>): W | undefined {
  return shared('brief', crew).find(({ movedAt }) => crew.now - movedAt < MOVES_MS);
}

function idleOf<W extends Worker>({ workers }: Crew<W>): W | undefined {
  return workers.find(({ load }) => load === 0);
}

/** Agents with requests of this pace and room for one more, those with the fewest first. */
function shared<W extends Worker>(shares: 'quick' | 'bulk' | 'brief', { workers }: Crew<W>): W[] {
  const most = shares === 'brief' ? MAX_BRIEF_IN_FLIGHT : MAX_IN_FLIGHT;
  return workers
    .filter(({ pace, load }) => pace === shares && load > 0 && load < most)
    .sort((a, b) => a.load - b.load);
}

/** How many there may be at most, as the host lets it. */
function mostOf({ workers, opening, mayOpen }: Crew<Worker>): number {
  return mayOpen ? MAX_AGENTS : workers.length + opening;
}

function maxBulk(crew: Crew<Worker>): number {
  return Math.min(MAX_BULK, Math.floor(mostOf(crew) / 2));
}

/** How many agents there are for what is not bulk. */
function mostNotBulk(crew: Crew<Worker>): number {
  return mostOf(crew) - crew.workers.filter(({ pace }) => pace === 'bulk').length;
}

/** All that may be busy with changes are, whether or not one is idle. */
function isFull(crew: Crew<Worker>): boolean {
  const busy = crew.workers.filter(({ pace }) => !changesNothing(pace));
  return busy.length >= Math.max(1, mostNotBulk(crew) - 1);
}

/** It waits for its like to end. */
function isEnoughOf(pace: Pace, crew: Crew<Worker>): boolean {
  if (pace !== 'hangs' && pace !== 'risky') return false;
  const alike = crew.workers.filter((worker) => worker.pace === pace);
  return alike.length >= Math.max(1, Math.floor(mostNotBulk(crew) / 3));
}
