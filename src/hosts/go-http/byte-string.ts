/**
 * Byte strings: each character stands for one byte. Go's net/url and net/http work on bytes, which need not
 * be text; here they do so on these, and text is made of them at the border only. Pure.
 */
import { goQuote } from '../../model/go-quote.ts';
import { bytesOfText, textOfBytes } from '../../model/go-string.ts';

/**
 * What is quoted in a message is cut after this many bytes: a kubelet's whole event would be too large for an
 * API server.
 */
const MAX_QUOTED = 64 * 1024;

export function byteString(text: string): string {
  return bytesOfText(text).toString('latin1');
}

/** The text that it is in UTF-8; bytes that are no characters stay what they are (model/go-string.ts). */
export function textOf(bytes: string): string {
  return textOfBytes(Buffer.from(bytes, 'latin1'));
}

/** Go's %q. */
export function quoted(bytes: string): string {
  return goQuote(textOf(bytes.slice(0, MAX_QUOTED)));
}

/** Without spaces and tabs around it. */
export function trimmed(bytes: string): string {
  return trimmedOf(bytes, isBlank);
}

/** Without spaces, tabs and line ends around it (textproto.TrimString). */
export function withoutSpace(bytes: string): string {
  return trimmedOf(bytes, isSpace);
}

function trimmedOf(bytes: string, isEdge: (byte: number) => boolean): string {
  let start = 0;
  let end = bytes.length;
  while (start < end && isEdge(bytes.charCodeAt(start))) start += 1;
  while (end > start && isEdge(bytes.charCodeAt(end - 1))) end -= 1;
  return bytes.slice(start, end);
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x09;
}

function isSpace(byte: number): boolean {
  return isBlank(byte) || byte === 0x0a || byte === 0x0d;
}

/** What is before the separator, what is behind it, and whether it was there (strings.Cut). */
export function cut(bytes: string, separator: string): [before: string, after: string, found: boolean] {
  const at = bytes.indexOf(separator);
  return at < 0 ? [bytes, '', false] : [bytes.slice(0, at), bytes.slice(at + separator.length), true];
}
