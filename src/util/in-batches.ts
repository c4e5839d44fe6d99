/**
 * Works on all items, so many of them at once.
 * @param before is waited for before each batch, where there are several: nextTurn or shortRound, for what
 * is much
 * @returns what they come to, in the order of the items. Rejects with the first failure, or with the signal's
 * reason; no other batch begins then
 */
export async function inBatches<T, R>(
  items: readonly T[],
  {
    size,
    signal,
    before,
  }: {
    readonly size: number;
    readonly signal: AbortSignal;
    readonly before?: () => Promise<void> | undefined;
  },
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  for (let start = 0; start < items.length; start += size) {
    if (items.length > size) await before?.();
    signal.throwIfAborted();
    results.push(...(await Promise.all(items.slice(start, start + size).map(work))));
  }
  return results;
}
