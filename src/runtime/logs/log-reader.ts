/**
 * Blocks of a log file → what is sent of it (cri-client/pkg/logs/logs.go): by time, stamped where a line of
 * the container's begins, cut at the limit. Bytes stay bytes. Costs what the blocks cost, however long a line
 * is. Pure.
 */
import { goQuote } from '../../model/go-quote.ts';
import { textOfBytes } from '../../model/go-string.ts';
import { fixedGoTime, isBefore, type GoTime, type Moment } from '../../model/go-time.ts';
import { EntryRuns } from './entry-run.ts';
import { LogFault } from './log-fault.ts';
import { criEntry, entryForm, entryHead, type LogEntry, type ParseEntry } from './log-entry.ts';

const NEWLINE = 0x0a;
/**
 * From here on an unfinished line is sent on as it comes. Runtimes make entries of 16 KiB, unless they are
 * told otherwise.
 */
const MAX_KEPT = 256 * 1024;
const MAX_QUOTED = 16 * 1024;

export interface LogOptions {
  readonly follow: boolean;
  readonly tailLines: number | undefined;
  readonly limitBytes: number | undefined;
  /** entries from before it are left out */
  readonly since: Moment | undefined;
  readonly timestamps: boolean;
}

export class LogReader {
  readonly #options: LogOptions;
  /** bytes that may still be sent, and entries that may still be read: without follow, tail is a limit */
  #bytesLeft: number;
  #entriesLeft: number;
  #form: ParseEntry | undefined;
  /** the next entry goes on with the line of the last one */
  #goesOn = false;
  /** the beginning of a line whose end has not come yet */
  #kept: Buffer[] = [];
  #keptBytes = 0;
  /**
   * what is done with the rest of a line that was too long to keep; it may be no entry at all, or one from
   * before `since`
   */
  #passing: 'not' | 'sent' | 'dropped' | 'no entry' = 'not';
  #dropsBreak = false;
  #fault: LogFault | undefined;
  #out: Buffer[] = [];
  readonly #runs: EntryRuns;

  /** `form`: of the log's entries, where that is known; else its first line tells. */
  constructor(options: LogOptions, form?: ParseEntry) {
    this.#options = options;
    this.#form = form;
    this.#runs = new EntryRuns(options);
    this.#bytesLeft = options.limitBytes ?? Infinity;
    this.#entriesLeft = options.follow ? Infinity : (options.tailLines ?? Infinity);
  }

  /** Whatever comes now is not sent. */
  get isFull(): boolean {
    return this.#bytesLeft <= 0 || this.#entriesLeft <= 0 || this.#fault !== undefined;
  }

  /** Why nothing more can be read, once that is so; what was read before is given all the same. */
  get fault(): LogFault | undefined {
    return this.#fault;
  }

  /** What is to be sent of the next bytes of the file. */
  take(block: Buffer): Buffer {
    // whose entries are moved together in it
    let own: Buffer | undefined;
    for (let at = 0; at < block.length && !this.isFull;) {
      if (this.#takesRuns(block.length - at)) {
        const runEnd = this.#run((own ??= Buffer.from(block)), at);
        if (runEnd > at) {
          at = runEnd;
          continue;
        }
      }
      const end = block.indexOf(NEWLINE, at) + 1;
      const piece = block.subarray(at, end === 0 ? block.length : end);
      if (this.#passing !== 'not') this.#pass(piece, end > 0);
      else if (end === 0) this.#keep(piece);
      else this.#line(this.#whole(piece));
      at += piece.length;
    }
    return this.#given();
  }

  /** What is to be sent of a last line without an end. */
  end(): Buffer {
    if (this.#keptBytes > 0 && !this.isFull) this.#line(this.#whole());
    this.#passed(true);
    return this.#given();
  }

  /** The bytes that come next do not follow on the last ones: what of a line is here is all of it. */
  gap(note: string): Buffer {
    const before = this.end();
    if (this.isFull || this.#options.limitBytes !== undefined) return before;
    const text = `${this.#goesOn ? '\n' : ''}${note}\n`;
    this.#goesOn = false;
    return Buffer.concat([before, Buffer.from(text)]);
  }

  /** What is sent of a run is never longer than it is. */
  #takesRuns(bytes: number): boolean {
    return (
      this.#form === criEntry && this.#passing === 'not' && this.#keptBytes === 0 && this.#bytesLeft >= bytes
    );
  }

  /** Answers where it ends. */
  #run(own: Buffer, at: number): number {
    const { end, length, entries, goesOn } = this.#runs.take(own, at, {
      most: this.#entriesLeft,
      goesOn: this.#goesOn,
    });
    this.#send(own.subarray(at, at + length));
    this.#entriesLeft -= entries;
    this.#goesOn = goesOn;
    return end;
  }

  #keep(piece: Buffer): void {
    this.#kept.push(piece);
    this.#keptBytes += piece.length;
    if (this.#keptBytes < MAX_KEPT) return;
    const line = this.#whole();
    const head = this.#formOf(line) === criEntry ? entryHead(line) : undefined;
    this.#dropsBreak = head?.isPartial === true;
    this.#passing = head === undefined ? 'no entry' : this.#isWanted(head.time) ? 'sent' : 'dropped';
    if (head !== undefined) this.#show({ ...head, text: line.subarray(head.textAt) });
  }

  /** More of a line whose beginning has been sent on. */
  #pass(piece: Buffer, isEnd: boolean): void {
    if (this.#passing === 'sent')
      this.#send(isEnd && this.#dropsBreak ? piece.subarray(0, piece.length - 1) : piece);
    if (isEnd) this.#passed(this.#dropsBreak);
  }

  #passed(goesOn: boolean): void {
    if (this.#passing === 'sent' || this.#passing === 'dropped') this.#ended(goesOn);
    this.#passing = 'not';
  }

  #line(line: Buffer): void {
    const entry = this.#formOf(line)?.(line);
    if (entry === undefined) return;
    this.#show(entry);
    this.#ended(entry.text.length > 0 && entry.text.at(-1) !== NEWLINE);
  }

  #show({ time, stream, text }: LogEntry): void {
    if (!this.#isWanted(time)) return;
    if (stream !== 'stdout' && stream !== 'stderr') {
      this.#fault = new LogFault(`unexpected stream type ${goQuote(stream)}`);
      return;
    }
    if (this.#options.timestamps && !this.#goesOn) this.#send(Buffer.from(`${fixedGoTime(time)} `));
    this.#send(text);
  }

  #ended(goesOn: boolean): void {
    this.#entriesLeft -= 1;
    this.#goesOn = goesOn;
  }

  #isWanted(time: GoTime): boolean {
    const { since } = this.#options;
    return since === undefined || !isBefore(time, since);
  }

  #send(bytes: Buffer): void {
    const allowed = bytes.length > this.#bytesLeft ? bytes.subarray(0, this.#bytesLeft) : bytes;
    this.#bytesLeft -= allowed.length;
    if (allowed.length > 0) this.#out.push(allowed);
  }

  #formOf(line: Buffer): ParseEntry | undefined {
    this.#form ??= entryForm(line);
    if (this.#form === undefined) {
      const shown = goQuote(textOfBytes(line.subarray(0, MAX_QUOTED)));
      this.#fault = new LogFault(`failed to get parse function: unsupported log format: ${shown}`);
    }
    return this.#form;
  }

  #whole(end?: Buffer): Buffer {
    if (this.#keptBytes === 0) return end ?? Buffer.alloc(0);
    const line = Buffer.concat(end === undefined ? this.#kept : [...this.#kept, end]);
    this.#kept = [];
    this.#keptBytes = 0;
    return line;
  }

  #given(): Buffer {
    const out = this.#out;
    this.#out = [];
    return out.length === 1 && out[0] !== undefined ? out[0] : Buffer.concat(out);
  }
}
