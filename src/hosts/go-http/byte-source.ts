/**
 * What comes over a connection, piece by piece, whatever the other end does: nothing is thrown outside of a
 * read.
 */
import type { Duplex } from 'node:stream';
import { orAbort } from '../../util/abort.ts';

/** As much as is taken in before the other end has to wait. */
const MAX_AHEAD = 256 * 1024;

export class ByteSource {
  readonly #stream: Duplex;
  readonly #signal: AbortSignal;
  #pieces: Buffer[] = [];
  #ahead = 0;
  #rest: Buffer = Buffer.alloc(0);
  #isOver = false;
  #error: Error | undefined;
  #wake: (() => void) | undefined;

  /** The stream must not have been read before. Reads reject with the signal's reason once it aborts. */
  constructor(stream: Duplex, { signal }: { signal: AbortSignal }) {
    this.#stream = stream;
    this.#signal = signal;
    stream.on('data', (piece: Buffer) => {
      this.#pieces.push(piece);
      this.#ahead += piece.length;
      if (this.#ahead > MAX_AHEAD) stream.pause();
      this.#wake?.();
    });
    stream.on('error', (error) => {
      this.#end(error);
    });
    for (const end of ['end', 'close'])
      stream.on(end, () => {
        this.#end(undefined);
      });
    if (stream.destroyed) this.#end(undefined);
  }

  /** What was read and not yet taken. */
  get buffered(): Buffer {
    return this.#rest;
  }

  take(bytes: number): Buffer {
    const taken = this.#rest.subarray(0, bytes);
    this.#rest = this.#rest.subarray(bytes);
    return taken;
  }

  /** Adds the next piece to what is buffered; false at the end. Rejects with the connection's error. */
  async fill(): Promise<boolean> {
    while (this.#pieces.length === 0) {
      this.#signal.throwIfAborted();
      if (this.#error !== undefined) throw this.#error;
      if (this.#isOver) return false;
      const woken = new Promise<void>((resolve) => (this.#wake = resolve));
      this.#stream.resume();
      await orAbort(woken, this.#signal);
    }
    const piece = this.#pieces.shift() ?? Buffer.alloc(0);
    this.#ahead -= piece.length;
    this.#rest = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece]);
    return true;
  }

  /** Whether at least so many bytes are buffered, once they are or nothing follows. */
  async has(bytes: number): Promise<boolean> {
    while (this.#rest.length < bytes) if (!(await this.fill())) return false;
    return true;
  }

  #end(error: Error | undefined): void {
    if (!this.#isOver) this.#error = error;
    this.#isOver = true;
    this.#wake?.();
  }
}
