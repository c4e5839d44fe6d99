/** Work of which there is never more than one under way: who asks for it meanwhile gets the outcome of that. */
export function inOne<T>(work: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  return () =>
    (running ??= work().finally(() => {
      running = undefined;
    }));
}
