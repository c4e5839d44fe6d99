/**
 * Resolves when everything else that waits for the event loop has had its turn: for long work that is cut
 * into pieces.
 */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
