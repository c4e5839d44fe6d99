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
