/**
 * Entries of CRI's form that follow each other, all at once: most of a log differs from line to line in the
 * fraction of a second and the text alone. Whatever is unusual is left to log-entry.ts. Pure.
 */
import { fixedGoTime, isBefore, parseGoTime, type GoTime, type Moment } from '../../model/go-time.ts';

const NEWLINE = 0x0a;
const SPACE = 0x20;
const POINT = 0x2e;
const COLON = 0x3a;
const ZERO = 0x30;
const FULL = 0x46;
const PARTIAL = 0x50;
/** `2026-01-01T00:00:00` */
const SECOND_BYTES = 19;
const MAX_FRACTION = 9;
const STAMP_ZONE_AT = SECOND_BYTES + 1 + MAX_FRACTION;
const STDOUT = Buffer.from(' stdout ');
const STDERR = Buffer.from(' stderr ');

export interface RunOptions {
  /** entries from before it are left out */
  readonly since: Moment | undefined;
  readonly timestamps: boolean;
}

export interface Run {
  /** where the first entry begins that is not part of it */
  readonly end: number;
  /** of what is to be sent, from where the run began */
  readonly length: number;
  readonly entries: number;
  /** the entry after it goes on with the line of the last one */
  readonly goesOn: boolean;
}

export class EntryRuns {
  readonly #options: RunOptions;
  /** of the last time that was parsed: its second and zone as they are written, and the second they are */
  readonly #second = new Uint8Array(SECOND_BYTES);
  #zone: Uint8Array = new Uint8Array(0);
  #stampZone: Uint8Array = new Uint8Array(0);
  #at: GoTime | undefined;

  constructor(options: RunOptions) {
    this.#options = options;
  }

  /**
   * Moves what is to be sent of the entries from `start` on together, in `bytes` itself, to where they began:
   * it never is longer than they are. Ends before what is no whole entry of the usual form, or must be looked
   * at more closely.
   */
  take(bytes: Buffer, start: number, { most, goesOn }: { most: number; goesOn: boolean }): Run {
    const { timestamps } = this.#options;
    let [at, to, entries, isPart] = [start, start, 0, goesOn];
    while (entries < most) {
      const end = bytes.indexOf(NEWLINE, at);
      if (end < 0) break;
      const fractionEnd = this.#timeOf(bytes, at);
      if (fractionEnd < 0) break;
      const textAt = textOf(bytes, fractionEnd + this.#zone.length);
      const isWanted = textAt < 0 ? undefined : this.#isWanted();
      if (isWanted === undefined) break;
      const partial = bytes[textAt - 2] === PARTIAL;
      if (isWanted) {
        if (timestamps && !isPart) to = this.#stamp(bytes, { at, fractionEnd, to });
        const textEnd = partial ? end : end + 1;
        bytes.copyWithin(to, textAt, textEnd);
        to += textEnd - textAt;
      }
      isPart = partial && textAt < end;
      at = end + 1;
      entries += 1;
    }
    return { end: at, length: to - start, entries, goesOn: isPart };
  }

  /** Where the fraction of the time at `at` ends; -1 if it has none, or is no time. */
  #timeOf(bytes: Buffer, at: number): number {
    if (!this.#isSameSecond(bytes, at) && !this.#learn(bytes, at)) return -1;
    const from = at + SECOND_BYTES + 1;
    let end = from;
    while (isDigit(bytes[end])) end += 1;
    if (end === from || end - from > MAX_FRACTION) return -1;
    if (isAt(bytes, end, this.#zone)) return end;
    return this.#learn(bytes, at) && isAt(bytes, end, this.#zone) ? end : -1;
  }

  #isSameSecond(bytes: Buffer, at: number): boolean {
    return this.#at !== undefined && isAt(bytes, at, this.#second) && bytes[at + SECOND_BYTES] === POINT;
  }

  /** Whether it is a time of the usual form, which then is the one that the next are compared with. */
  #learn(bytes: Buffer, at: number): boolean {
    this.#at = undefined;
    // its longest form: with a zone and more digits than anybody writes
    const end = bytes.subarray(at, at + 64).indexOf(SPACE) + at;
    if (end < at || bytes[at + 13] !== COLON || bytes[at + SECOND_BYTES] !== POINT) return false;
    const time = parseGoTime(bytes, at, end);
    if (time === undefined) return false;
    let zoneAt = at + SECOND_BYTES + 1;
    while (isDigit(bytes[zoneAt])) zoneAt += 1;
    this.#at = time;
    this.#second.set(bytes.subarray(at, at + SECOND_BYTES));
    this.#zone = Uint8Array.from(bytes.subarray(zoneAt, end));
    this.#stampZone = Buffer.from(fixedGoTime(time).slice(STAMP_ZONE_AT));
    return true;
  }

  /** undefined where the fraction tells. */
  #isWanted(): boolean | undefined {
    const { since } = this.#options;
    if (since === undefined) return true;
    const { seconds = 0 } = this.#at ?? {};
    return seconds === since.seconds ? undefined : !isBefore({ seconds, nanos: 0 }, since);
  }

  /** With nine decimals always, as fixedGoTime; answers where it ends. */
  #stamp(bytes: Buffer, { at, fractionEnd, to }: { at: number; fractionEnd: number; to: number }): number {
    bytes.copyWithin(to, at, fractionEnd);
    let end = to + fractionEnd - at;
    const full = to + STAMP_ZONE_AT;
    while (end < full) bytes[end++] = ZERO;
    for (const byte of this.#stampZone) bytes[end++] = byte;
    bytes[end] = SPACE;
    return end + 1;
  }
}

/** Where the text begins behind the time's zone; -1 if stream and tag are not of the usual kind. */
function textOf(bytes: Buffer, zoneEnd: number): number {
  if (!isAt(bytes, zoneEnd, STDOUT) && !isAt(bytes, zoneEnd, STDERR)) return -1;
  const tagAt = zoneEnd + STDOUT.length;
  const tag = bytes[tagAt];
  return (tag === FULL || tag === PARTIAL) && bytes[tagAt + 1] === SPACE ? tagAt + 2 : -1;
}

function isAt(bytes: Buffer, at: number, word: Uint8Array): boolean {
  for (let index = 0; index < word.length; index += 1) if (bytes[at + index] !== word[index]) return false;
  return true;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte < COLON;
}
