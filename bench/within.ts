/** Runs something on what was started for it, and stops that, also when interrupted: even while it starts. */
export async function within<E extends { stop(): Promise<void> }, T>(
  start: () => Promise<E>,
  { work, progress }: { work: (env: E) => Promise<T>; progress: (step: string) => void },
): Promise<T> {
  const starting = start();
  const stopStarted = (): Promise<void> =>
    starting.then(
      (env) => env.stop(),
      // what could not be started has stopped itself
      () => undefined,
    );
  const interrupted = (): void => {
    process.stderr.write('interrupted: cleaning up\n');
    void stopStarted().finally(() => process.exit(130));
  };
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
  try {
    return await work(await starting);
  } finally {
    progress('cleaning up');
    await stopStarted();
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
  }
}
