import type { Writable } from 'node:stream';

/** Where several connections write, which all wait while it is full. */
export class Outlet {
  readonly #stream: Writable;
  #full: Promise<void> | undefined;

  constructor(stream: Writable) {
    this.#stream = stream;
  }

  /** Resolves when there is room for more; at once where nobody reads any more. */
  async write(bytes: Buffer): Promise<void> {
    if (this.#stream.destroyed || this.#stream.writableEnded || this.#stream.write(bytes)) return;
    this.#full ??= drained(this.#stream).then(() => {
      this.#full = undefined;
    });
    await this.#full;
  }
}

/** Resolves when the stream takes more, or is gone. */
export function drained(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed || !stream.writableNeedDrain) {
      resolve();
      return;
    }
    const done = (): void => {
      stream.off('drain', done);
      stream.off('close', done);
      resolve();
    };
    stream.on('drain', done);
    stream.on('close', done);
  });
}
