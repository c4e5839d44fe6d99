/**
 * Turns of the event loop, for long work that is cut into pieces. A turn has one piece, of whoever waits
 * longest, and between two turns everything else of the process comes by: a hundred answers that are made at
 * the same time hold others up no longer than one does. What is long begins with a turn, too; what is short
 * and may be much together asks for room in a round (rounds.ts).
 */

import { systemClock } from './clock.ts';
import { isQueued, shortRound } from './rounds.ts';

/** one for each piece of work that is under way */
const waiting: (() => void)[] = [];
let isDue = false;

/** Resolves when the work may do its next piece: in a round that has time for it. */
export async function nextTurn(): Promise<void> {
  await turn();
  await shortRound();
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    if (isDue) return;
    isDue = true;
    setImmediate(giveTurn);
  });
}

/** The piece itself is done when this has returned: it may wait for another turn by then. */
function giveTurn(): void {
  waiting.shift()?.();
  isDue = waiting.length > 0;
  if (isDue) setImmediate(giveTurn);
}

/** A loop that has come round so often in a row, within so long each time and with nobody left, has time. */
const CALM_ROUNDS = 3;
const CALM_MS = 25;
/** However busy it stays: what waits is wanted as well. */
const MOST_MS = 300;

const patient: (() => void)[] = [];

/**
 * Resolves when the loop has time for work that goes on for long, as the start of a node: one after the
 * other, at most 300 ms apart. A hundred nodes that start at once have all of their answers in one round of
 * the loop, and each round is as long as all of them.
 */
export function calmTurn(): Promise<void> {
  return new Promise((resolve) => {
    patient.push(resolve);
    if (patient.length === 1) awaitCalm();
  });
}

function awaitCalm(): void {
  const began = systemClock.monotonic();
  let [calm, last] = [0, began];
  const round = (): void => {
    const now = systemClock.monotonic();
    calm = now - last <= CALM_MS && !isQueued() ? calm + 1 : 0;
    last = now;
    if (calm < CALM_ROUNDS && now - began < MOST_MS) {
      setImmediate(round);
      return;
    }
    patient.shift()?.();
    if (patient.length > 0) awaitCalm();
  };
  setImmediate(round);
}

let before: Promise<unknown> = Promise.resolve();

/**
 * Does work that waits for nothing in turns, from each `yield` to the next. Such works are done one after
 * the other: what the first of many is asked for need not be late because of the last, and only one is half
 * done in memory. Rejects with what the work throws, or with the signal's reason; what is left of the work
 * is then not done.
 */
export function inTurns<T>(
  work: Generator<undefined, T>,
  { signal }: { signal?: AbortSignal | undefined } = {},
): Promise<T> {
  const done = before.then(() => worked(work, signal));
  before = done.catch(() => undefined);
  return done;
}

async function worked<T>(work: Generator<undefined, T>, signal: AbortSignal | undefined): Promise<T> {
  for (;;) {
    signal?.throwIfAborted();
    await nextTurn();
    const { done, value } = work.next();
    if (done === true) return value;
  }
}
