/**
 * Reads a file on from where it is, in blocks as large as the way to it is long: while the host is slower
 * than whoever takes them, blocks grow and the next ones are asked for ahead, within bounds; for a slow taker
 * they are small again.
 */
import type { HostFile } from '../../hosts/link/link.ts';
import type { Clock } from '../../util/clock.ts';
import { nextTurn } from '../../util/turn.ts';

const MIN_BLOCK = 64 * 1024;
const MAX_BLOCK = 512 * 1024;
/**
 * Blocks asked for beyond the one that is here: on a round trip of 200 ms some MB/s. Each is memory, and work
 * for the host.
 */
const MAX_AHEAD = 2;
/** What is handed on at once: nobody else is kept waiting for it. */
const MAX_PIECE = 64 * 1024;
/** Who takes longer for a block is served by the smallest. */
const SLOW_MS = 1_000;

interface Ahead {
  readonly at: number;
  readonly length: number;
  readonly bytes: Promise<Buffer>;
}

export class LogBlocks {
  readonly #file: Pick<HostFile, 'read'>;
  readonly #clock: Pick<Clock, 'monotonic'>;
  #block = MIN_BLOCK;
  #ahead: Ahead[] = [];

  constructor(file: Pick<HostFile, 'read'>, clock: Pick<Clock, 'monotonic'>) {
    this.#file = file;
    this.#clock = clock;
  }

  /** From `position` to `until`, or to what now is the end of the file. */
  async *read(position: number, until: number, { signal }: { signal: AbortSignal }): AsyncGenerator<Buffer> {
    let [handedMs, given] = [0, 0];
    for (let at = position; at < until;) {
      signal.throwIfAborted();
      const length = this.#ahead[0]?.at === at ? this.#ahead[0].length : Math.min(this.#block, until - at);
      const asked = this.#clock.monotonic();
      const block = await this.#next(at, length);
      const came = this.#clock.monotonic();
      at += block.length;
      const isLast = block.length < length;
      if (isLast) this.#ahead = [];
      else this.#pace({ waitedMs: came - asked, handedMs });
      if (!isLast) this.#askAhead(at, until);
      for (let from = 0; from < block.length; from += MAX_PIECE) {
        if (given > 0) await nextTurn();
        given += 1;
        signal.throwIfAborted();
        yield block.subarray(from, from + MAX_PIECE);
      }
      handedMs = this.#clock.monotonic() - came;
      if (isLast) return;
    }
  }

  #next(at: number, length: number): Promise<Buffer> {
    const ready = this.#ahead.shift();
    if (ready?.at === at) return ready.bytes;
    this.#ahead = [];
    return this.#file.read(at, length);
  }

  #pace({ waitedMs, handedMs }: { waitedMs: number; handedMs: number }): void {
    if (handedMs > SLOW_MS) this.#block = MIN_BLOCK;
    else if (waitedMs > handedMs) this.#block = Math.min(MAX_BLOCK, this.#block * 2);
  }

  /** Only where it has shown that it is worth it: each place for a block is memory. */
  #askAhead(position: number, until: number): void {
    if (this.#block === MIN_BLOCK) return;
    const last = this.#ahead.at(-1);
    let at = last === undefined ? position : last.at + last.length;
    while (at < until && this.#ahead.length < MAX_AHEAD) {
      const length = Math.min(this.#block, until - at);
      const bytes = this.#file.read(at, length);
      // it may never be needed
      bytes.catch(() => undefined);
      this.#ahead.push({ at, length, bytes });
      at += length;
    }
  }
}
