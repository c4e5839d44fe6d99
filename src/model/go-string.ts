/**
 * Bytes that a Go program keeps in a string although they need not be text, such as a Secret's value as a
 * variable. Here they are text in which each byte that isn't part of a UTF-8 character is a lone surrogate,
 * U+DC00 + byte (as in PEP 383); nothing is lost, and valid text is itself. Pure.
 */
import { isUtf8 } from 'node:buffer';

const ESCAPE = 0xdc00;

export function textOfBytes(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (isUtf8(buffer)) return buffer.toString('utf8');
  const parts: string[] = [];
  for (let at = 0, plain = 0; at < buffer.length;) {
    const length = characterLength(buffer, at);
    if (length > 0) at += length;
    else {
      parts.push(buffer.toString('utf8', plain, at), String.fromCharCode(ESCAPE + (buffer[at] ?? 0)));
      at += 1;
      plain = at;
    }
    if (at >= buffer.length) parts.push(buffer.toString('utf8', plain));
  }
  return parts.join('');
}

/** What textOfBytes() was given. A lone surrogate that stands for no byte is U+FFFD, as in Go. */
export function bytesOfText(text: string): Buffer {
  if (text.isWellFormed()) return Buffer.from(text, 'utf8');
  return Buffer.concat(
    text
      .split(/(\p{Surrogate}+)/u)
      .map((part, index) =>
        index % 2 === 0
          ? Buffer.from(part, 'utf8')
          : Buffer.concat(Array.from(part, (unit) => escapedByte(unit.charCodeAt(0)))),
      ),
  );
}

/** The byte that a lone surrogate stands for, undefined if it stands for none. */
export function byteOfUnit(unit: number): number | undefined {
  return unit >= ESCAPE + 0x80 && unit <= ESCAPE + 0xff ? unit - ESCAPE : undefined;
}

/** The text where what it stands for is UTF-8, undefined where it isn't. */
export function representable(text: string): string | undefined {
  if (text.isWellFormed()) return text;
  // two halves of a character may have met
  const bytes = bytesOfText(text);
  return isUtf8(bytes) ? bytes.toString('utf8') : undefined;
}

function escapedByte(unit: number): Buffer {
  const byte = byteOfUnit(unit);
  return byte === undefined ? Buffer.from('\ufffd', 'utf8') : Buffer.of(byte);
}

/** Bytes of the character that begins here, 0 if none does (RFC 3629). */
function characterLength(bytes: Buffer, at: number): number {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return 1;
  const length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  return length > 0 && at + length <= bytes.length && isUtf8(bytes.subarray(at, at + length)) ? length : 0;
}
