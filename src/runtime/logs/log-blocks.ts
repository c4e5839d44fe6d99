/**
 * Reads a file on from where it is, as much at a time as the way to it is long: while the host is slower than
 * the caller, more bytes are asked for ahead, within bounds, until it is the link's bandwidth that counts and
 * not its round trips. For a slow caller it is little again.
 */
import type { HostFile } from '../../hosts/link/link.ts';
import { ByteBudget } from '../../util/byte-budget.ts';
import type { Clock } from '../../util/clock.ts';
import { nextTurn } from '../../util/turn.ts';

/** What is asked for first, and at the least. */
const MIN_WINDOW = 64 * 1024;
/** Asked for and not taken yet, of one file: what 80 MB/s send in a tenth of a second. */
const MAX_WINDOW = 8 * 1024 * 1024;
/** A block is a few processes of a far host, however long it is; a window has some, so that they overlap. */
const MAX_BLOCK = 2 * 1024 * 1024;
const BLOCKS = 4;
/** A block that takes longer says that the link is slow, not far: more would only keep others waiting. */
const LATE_MS = 1_000;
/** Who waits no longer for a block than this, or an eighth of what it takes to hand it on, has enough. */
const WORTH_MS = 1;
/** What is handed on at once: nobody else is kept waiting for it. */
const MAX_PIECE = 64 * 1024;
/** Who takes longer for a block is served by the smallest, and nothing is kept ready for them. */
const SLOW_MS = 1_000;
/** What all readers of this process have asked for ahead: past it each block waits for the one before. */
const allAhead = new ByteBudget(32 * 1024 * 1024);

interface Ahead {
  readonly at: number;
  readonly length: number;
  readonly came: Promise<Came>;
}

interface Came {
  readonly bytes: Buffer;
  /** when it was asked for, and when it was there */
  readonly asked: number;
  readonly had: number;
}

export class LogBlocks {
  readonly #file: Pick<HostFile, 'read'>;
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #budget: ByteBudget;
  #window = MIN_WINDOW;
  /** since when it has been as large as it is: what was asked for before says nothing of it */
  #windowSince = -Infinity;
  #ahead: Ahead[] = [];

  /** `budget`: of what is asked for ahead; that of the process unless told. */
  constructor(file: Pick<HostFile, 'read'>, clock: Pick<Clock, 'monotonic'>, budget = allAhead) {
    this.#file = file;
    this.#clock = clock;
    this.#budget = budget;
  }

  /** From `position` to `until`, or to what now is the end of the file. */
  async *read(position: number, until: number, { signal }: { signal: AbortSignal }): AsyncGenerator<Buffer> {
    let [handedMs, given] = [0, 0];
    try {
      for (let at = position; at < until;) {
        signal.throwIfAborted();
        const { length, came } = this.#next(at, until);
        const wanted = this.#clock.monotonic();
        const { bytes, asked, had } = await came;
        const cameAt = this.#clock.monotonic();
        at += bytes.length;
        const isLast = bytes.length < length;
        if (isLast) this.#forget();
        else {
          if (asked >= this.#windowSince)
            this.#pace({ waitedMs: cameAt - wanted, handedMs, tookMs: had - asked });
          this.#askAhead(at, until);
        }
        for (let from = 0; from < bytes.length; from += MAX_PIECE) {
          if (given > 0) await nextTurn();
          given += 1;
          signal.throwIfAborted();
          yield bytes.subarray(from, from + MAX_PIECE);
          handedMs = this.#clock.monotonic() - cameAt;
          if (handedMs > SLOW_MS) this.#slow();
        }
        if (isLast) return;
      }
    } finally {
      this.#forget();
    }
  }

  #next(at: number, until: number): { length: number; came: Promise<Came> } {
    const ready = this.#ahead[0];
    if (ready?.at === at) {
      this.#ahead.shift();
      this.#budget.give(ready.length);
      return ready;
    }
    this.#forget();
    const length = Math.min(this.#block, until - at);
    return { length, came: this.#ask(at, length) };
  }

  get #block(): number {
    return Math.min(MAX_BLOCK, Math.max(MIN_WINDOW, this.#window / BLOCKS));
  }

  #pace({ waitedMs, handedMs, tookMs }: { waitedMs: number; handedMs: number; tookMs: number }): void {
    if (tookMs > 2 * LATE_MS) this.#resize(this.#window / 2);
    else if (waitedMs > Math.max(WORTH_MS, handedMs / 8) && tookMs < LATE_MS) this.#resize(this.#window * 2);
  }

  #resize(bytes: number): void {
    const window = Math.max(MIN_WINDOW, Math.min(MAX_WINDOW, bytes));
    if (window !== this.#window) this.#windowSince = this.#clock.monotonic();
    this.#window = window;
  }

  #slow(): void {
    this.#resize(MIN_WINDOW);
    this.#forget();
  }

  /** What it was asked for is read again when it is wanted. */
  #forget(): void {
    for (const { length } of this.#ahead.splice(0)) this.#budget.give(length);
  }

  async #ask(at: number, length: number): Promise<Came> {
    const asked = this.#clock.monotonic();
    const bytes = await this.#file.read(at, length);
    return { bytes, asked, had: this.#clock.monotonic() };
  }

  /** Only where it has shown that it is worth it: each place for a block is memory. */
  #askAhead(position: number, until: number): void {
    if (this.#window === MIN_WINDOW) return;
    const last = this.#ahead.at(-1);
    let at = last === undefined ? position : last.at + last.length;
    while (at < until && at - position < this.#window) {
      const length = Math.min(this.#block, until - at);
      if (!this.#budget.take(length)) return;
      const came = this.#ask(at, length);
      // it may never be needed
      came.catch(() => undefined);
      this.#ahead.push({ at, length, came });
      at += length;
    }
  }
}
