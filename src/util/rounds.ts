/**
 * Rounds of the event loop that stay short. All that many hosts have answered by the time that the loop comes
 * round, and all timers that are due by then, are seen to in one round, and nobody else comes between. What
 * is worked at in such a round for more than a moment asks first whether there is time for it.
 */

/** What comes later than so long after the beginning of a round is left to the next. */
const SHORT_MS = 5;
/** So many of those who wait are asked for in one round. */
const MOST_AT_ONCE = 32;

/** those whose turn comes in a later round, longest waiting first */
const waiting: (() => void)[] = [];
/** how many of them the loop comes by in this round */
let due = 0;
let round = -1;
let began = 0;

/**
 * Resolves in a round of the loop that has time, in turn.
 * @returns undefined where that is this one and nobody else waits
 */
export function shortRound(): Promise<void> | undefined {
  if (waiting.length === 0 && !isLong()) return undefined;
  return new Promise((resolve) => {
    waiting.push(resolve);
    serveLater();
  });
}

/**
 * A round begins when this is asked in it for the first time: where somebody waits, when the first of them is
 * served, and after what could not wait.
 */
function isLong(): boolean {
  const now = performance.now();
  const { loopCount } = performance.nodeTiming.uvMetricsInfo;
  if (loopCount !== round) [round, began] = [loopCount, now];
  return now - began >= SHORT_MS;
}

/** Whether there is more to do than rounds have time for. */
export function isQueued(): boolean {
  return waiting.length > 0;
}

function serveLater(): void {
  for (; due < Math.min(waiting.length, MOST_AT_ONCE); due += 1) setImmediate(serve);
}

/**
 * What is served works before the next is called: promises settle between two of the loop's callbacks. In the
 * next round there is time for one at least, which begins that round.
 */
function serve(): void {
  due -= 1;
  if (!isLong()) waiting.shift()?.();
  if (due === 0) serveLater();
}
