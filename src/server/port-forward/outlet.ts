import type { Writable } from 'node:stream';
import { drained } from './forwarded-port.ts';

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
