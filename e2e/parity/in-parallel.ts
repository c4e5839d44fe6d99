/** Starts work on all items, `limit` at a time, in their order; answers at once with a promise for each. */
export function inParallel<Item, Result>(
  items: readonly Item[],
  limit: number,
  work: (item: Item) => Promise<Result>,
): Map<Item, Promise<Result>> {
  const queue = [...items];
  const promises = new Map<Item, Promise<Result>>();
  const starts = new Map<Item, () => Promise<void>>();
  for (const item of items) {
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    // whoever waits for it gets the failure; until then it must not end the process
    promise.catch(() => undefined);
    promises.set(item, promise);
    starts.set(item, () => work(item).then(resolve, reject));
  }
  const run = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await starts.get(item)?.();
  };
  for (let lane = 0; lane < limit; lane += 1) void run();
  return promises;
}
