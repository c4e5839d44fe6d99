/**
 * Work that runs at most once at a time: callers that come meanwhile get the outcome of the run under way.
 */
export function inOne<T>(work: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  return () =>
    (running ??= work().finally(() => {
      running = undefined;
    }));
}

/**
 * Work that runs at most once at a time, and sees what there was when it was asked for: callers that come
 * meanwhile share the run after the one under way.
 */
export function inNext<T>(work: () => Promise<T>): () => Promise<T> {
  let running: Promise<unknown> = Promise.resolve();
  let next: Promise<T> | undefined;
  const runNext = async (): Promise<T> => {
    await running;
    next = undefined;
    const run = work();
    running = run.catch(() => undefined);
    return await run;
  };
  return () => (next ??= runNext());
}
