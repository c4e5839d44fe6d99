/** One waits until something has arrived; many announce that it has. */
export class Arrival {
  #wake: (() => void) | undefined;
  #heeded: AbortSignal | undefined;

  announce(): void {
    this.#wake?.();
  }

  /**
   * Resolves with the next announcement, or when the signal aborts. Earlier announcements are the caller's to
   * check.
   */
  next(signal: AbortSignal): Promise<void> {
    // one listener for all waits: many others listen to the same signal, and to leave again is to search
    // among them
    if (this.#heeded !== signal) {
      this.#heeded = signal;
      signal.addEventListener(
        'abort',
        () => {
          this.announce();
        },
        { once: true },
      );
    }
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined;
        resolve();
      };
    });
  }
}
