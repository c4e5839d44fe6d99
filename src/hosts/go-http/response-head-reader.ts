/**
 * The head of an answer, fed as it comes: the status line and the header, until the blank line (net/http
 * ReadResponse).
 */
import { FarletError } from '../../model/errors.ts';
import { cut, quoted } from './byte-string.ts';
import { GrowingBytes } from './growing-bytes.ts';
import { HeaderLines, MAX_KEPT } from './header-lines.ts';
import type { Header } from './header.ts';

export interface ResponseHead {
  readonly status: number;
  readonly major: number;
  readonly minor: number;
  /** of the fields that say something to a client */
  readonly header: Header;
}

type StatusLine = Omit<ResponseHead, 'header'>;

const LF = 0x0a;

export class ResponseHeadReader {
  readonly #line = new GrowingBytes(MAX_KEPT);
  #status: StatusLine | undefined;
  #lines = new HeaderLines();

  /**
   * Takes bytes until the head is whole. Gives the head and how many bytes it took, or undefined if it takes
   * more. Throws FarletError `invalid` in Go's words as soon as Go would.
   */
  feed(bytes: Buffer): { head: ResponseHead; taken: number } | undefined {
    let from = 0;
    while (from < bytes.length) {
      if (this.#line.total === 0 && this.#status !== undefined) this.#lines.begin(bytes[from] ?? 0);
      const end = bytes.indexOf(LF, from);
      if (end < 0) {
        this.#line.add(bytes.subarray(from));
        return undefined;
      }
      const head = this.#take(this.#lineOf(bytes.subarray(from, end)));
      from = end + 1;
      if (head !== undefined) return { head, taken: from };
    }
    return undefined;
  }

  /** Nothing follows. What there is of a line counts as one; then the end came too early, which is thrown. */
  end(): never {
    if (this.#line.total > 0) this.#take(this.#line.text());
    this.#lines.end();
    throw new FarletError('invalid', 'unexpected EOF');
  }

  /** The line that ends with this piece, without its CR. */
  #lineOf(piece: Buffer): string {
    let text: string;
    if (this.#line.total === 0) text = piece.toString('latin1', 0, piece.length);
    else {
      this.#line.add(piece);
      text = this.#line.text();
      this.#line.clear();
    }
    return text.endsWith('\r') ? text.slice(0, -1) : text;
  }

  #take(text: string): ResponseHead | undefined {
    if (this.#status === undefined) {
      this.#status = statusOf(text);
      return undefined;
    }
    if (!this.#lines.line(text)) return undefined;
    return { ...this.#status, header: this.#lines.header };
  }
}

function statusOf(line: string): StatusLine {
  const [proto, rest, found] = cut(line, ' ');
  if (!found) throw malformed('HTTP response', line);
  const [code] = cut(rest.replace(/^ +/, ''), ' ');
  if (!/^\+?\d+$/.test(code) || code.length !== 3) {
    if (code !== '-00') throw malformed('HTTP status code', code);
  }
  const version = /^HTTP\/(\d)\.(\d)$/.exec(proto);
  if (version === null) throw malformed('HTTP version', proto);
  return { status: Math.abs(Number(code)), major: Number(version[1]), minor: Number(version[2]) };
}

function malformed(what: string, value: string): FarletError {
  return new FarletError('invalid', `malformed ${what} ${quoted(value)}`);
}
