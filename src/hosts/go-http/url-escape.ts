/** %-escapes in the parts of a URL, as Go's net/url has them. Byte strings in and out. Pure. */
import { FarletError } from '../../model/errors.ts';
import { quoted } from './byte-string.ts';

export type UrlPart = 'path' | 'host' | 'zone' | 'userinfo' | 'fragment';

const alphanumeric = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
const host = `${alphanumeric}-_.~!$&'()*+,;=:[]<>"`;
/** what stands for itself in each part; everything else is escaped */
const plain: Record<UrlPart, ReadonlySet<string>> = {
  path: new Set(`${alphanumeric}-_.~$&+,/:;=@`),
  host: new Set(host),
  zone: new Set(host),
  userinfo: new Set(`${alphanumeric}-_.~$&+,;=`),
  fragment: new Set(`${alphanumeric}-_.~$&+,/:;=?@!()*`),
};
const anyHex = /^[0-9A-Fa-f]{2}$/;

export function mustEscape(byte: string, part: UrlPart): boolean {
  return !plain[part].has(byte);
}

export function escapeUrl(bytes: string, part: UrlPart): string {
  const kept = plain[part];
  const pieces: string[] = [];
  let from = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes.charAt(at);
    if (kept.has(byte)) continue;
    pieces.push(bytes.slice(from, at), `%${hex(byte)}`);
    from = at + 1;
  }
  return from === 0 ? bytes : pieces.join('') + bytes.slice(from);
}

/** Throws FarletError `invalid` in Go's words. */
export function unescapeUrl(bytes: string, part: UrlPart): string {
  const pieces: string[] = [];
  let from = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes.charAt(at);
    if (byte !== '%') {
      refuseByte(byte, part);
      continue;
    }
    pieces.push(bytes.slice(from, at), unescaped(bytes.slice(at, at + 3), part));
    at += 2;
    from = at + 1;
  }
  return from === 0 ? bytes : pieces.join('') + bytes.slice(from);
}

function refuseByte(byte: string, part: UrlPart): void {
  if ((part === 'host' || part === 'zone') && byte < '\x80' && mustEscape(byte, part))
    throw new FarletError('invalid', `invalid character ${quoted(byte)} in host name`);
}

/**
 * A host may have escapes of bytes beyond ASCII only; a zone those of what might stand there unescaped (RFC
 * 6874).
 */
function unescaped(escape: string, part: UrlPart): string {
  const digits = escape.slice(1);
  const byte = anyHex.test(digits) ? String.fromCharCode(Number.parseInt(digits, 16)) : undefined;
  const isRefused =
    byte === undefined ||
    (part === 'host' && byte < '\x80' && escape !== '%25') ||
    (part === 'zone' && escape !== '%25' && byte !== ' ' && mustEscape(byte, 'host'));
  if (isRefused) throw new FarletError('invalid', `invalid URL escape ${quoted(escape)}`);
  return byte;
}

function hex(byte: string): string {
  return byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0');
}
