/**
 * Turns of the event loop, for long work that is cut into pieces. A turn has one piece, of whoever waits longest, and
 * between two turns everything else of the process comes by: a hundred answers that are made at the same time hold
 * others up no longer than one does. What is long begins with a turn, too.
 */

/** one for each piece of work that is under way */
const waiting: (() => void)[] = [];
let isDue = false;

/** Resolves when the work may do its next piece. */
export function nextTurn(): Promise<void> {
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
