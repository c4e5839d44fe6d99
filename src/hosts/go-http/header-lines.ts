/**
 * The header of a message as net/textproto's ReadMIMEHeader reads it, from lines: leniently where Go is,
 * strictly where it is. Only the fields that matter to a client are kept, and of a line its first 256 KiB.
 * Pure.
 */
import { FarletError } from '../../model/errors.ts';
import { cut, quoted, trimmed } from './byte-string.ts';
import { addField, canonicalKey, isFieldName, isFieldValue, type Header } from './header.ts';

export const MAX_KEPT = 256 * 1024;
const MAX_VALUES = 64;
const MAX_INITIAL = 80;
const kept = new Set(['Connection', 'Content-Length', 'Location', 'Trailer', 'Transfer-Encoding', 'Upgrade']);

export class HeaderLines {
  readonly header: Header = new Map();
  /** the field that the next line may continue */
  #open: string | undefined;
  #isFirst = true;

  /**
   * Whether the line that begins with this byte belongs to the field before it. Throws once that field turns
   * out bad.
   */
  begin(byte: number): void {
    const isBlank = byte === 0x20 || byte === 0x09;
    if (!this.#isFirst && !isBlank) this.#close();
  }

  /**
   * One line without its end, after begin() was told its first byte. Resolves true at the blank line that
   * ends the header. Throws FarletError `invalid` in Go's words.
   */
  line(text: string): boolean {
    const isContinued = text.startsWith(' ') || text.startsWith('\t');
    if (this.#isFirst && isContinued) {
      if (text.length > MAX_INITIAL) throw malformed('message too large');
      throw malformed(`malformed MIME header initial line: ${quoted(text)}`);
    }
    this.#isFirst = false;
    if (isContinued && this.#open !== undefined) {
      this.#open = `${this.#open} ${trimmed(text)}`.slice(0, MAX_KEPT);
      return false;
    }
    if (text === '') return true;
    if (!text.includes(':')) throw malformed(`malformed MIME header: missing colon: ${quoted(text)}`);
    this.#open = trimmed(text);
    return false;
  }

  /** Nothing follows. */
  end(): void {
    this.#close();
  }

  #close(): void {
    const field = this.#open;
    this.#open = undefined;
    if (field === undefined) return;
    const [key, value] = cut(field, ':');
    // a name may have blanks in it, but is then no other's
    if (!isFieldName(key.replaceAll(' ', 'x')))
      throw malformed(`malformed MIME header line: ${quoted(field)}`);
    const name = canonicalKey(key);
    // Go has made the name canonical where it stands before it looks at the value
    if (!isFieldValue(value)) throw malformed(`malformed MIME header line: ${quoted(`${name}:${value}`)}`);
    if (!kept.has(name)) return;
    if (field.length >= MAX_KEPT) throw malformed(`${name} is longer than ${String(MAX_KEPT)} bytes`);
    if ((this.header.get(name)?.length ?? 0) < MAX_VALUES)
      addField(this.header, name, value.replace(/^[ \t]+/, ''));
  }
}

function malformed(message: string): FarletError {
  return new FarletError('invalid', message);
}
