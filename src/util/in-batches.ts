import { nextTurn } from './turn.ts';

/**
 * Works on all items, so many of them at once, each batch in a turn of the event loop of its own: of what is
 * many no other part of the process waits for all.
 * @returns what they come to, in the order of the items; rejects with the first failure, after which no batch
 * begins
 */
export async function inBatches<T, R>(
  items: readonly T[],
  size: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  for (let start = 0; start < items.length; start += size) {
    if (items.length > size) await nextTurn();
    results.push(...(await Promise.all(items.slice(start, start + size).map(work))));
  }
  return results;
}
