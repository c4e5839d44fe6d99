/**
 * What may stand between the brackets of a URL's host: Go's netip.ParseAddr, for its refusals and their
 * words. Pure.
 */
import { quoted } from './byte-string.ts';

/** Why it is no IPv6 address, with or without a zone; undefined if it is one. */
export function ipLiteralProblem(text: string): string | undefined {
  const sign = /[.:%]/.exec(text)?.[0];
  if (sign === undefined) return invalid(text, 'unable to parse IP');
  if (sign === '%') return invalid(text, 'missing IPv6 address');
  if (sign === '.') {
    const problem = ipv4Problem(text, text);
    return problem ?? 'invalid IP-literal';
  }
  return ipv6Problem(text);
}

function invalid(text: string, why: string, at = ''): string {
  return `invalid host: ParseAddr(${quoted(text)}): ${why}${at === '' ? '' : ` (at ${quoted(at)})`}`;
}

function ipv4Problem(whole: string, fields: string): string | undefined {
  let value = 0;
  let digits = 0;
  let dots = 0;
  for (let at = 0; at < fields.length; at += 1) {
    const sign = fields.charAt(at);
    if (sign >= '0' && sign <= '9') {
      if (digits === 1 && value === 0) return invalid(whole, 'IPv4 field has octet with leading zero');
      value = value * 10 + Number(sign);
      digits += 1;
      if (value > 255) return invalid(whole, 'IPv4 field has value >255');
    } else if (sign === '.') {
      if (at === 0 || at === fields.length - 1 || fields.charAt(at - 1) === '.')
        return invalid(whole, 'IPv4 field must have at least one digit', fields.slice(at));
      if (dots === 3) return invalid(whole, 'IPv4 address too long');
      dots += 1;
      value = 0;
      digits = 0;
    } else return invalid(whole, 'unexpected character', fields.slice(at));
  }
  return dots < 3 ? invalid(whole, 'IPv4 address too short') : undefined;
}

function ipv6Problem(whole: string): string | undefined {
  const percent = whole.indexOf('%');
  if (percent === whole.length - 1) return invalid(whole, 'zone must be a non-empty string');
  let rest = percent < 0 ? whole : whole.slice(0, percent);
  let hasEllipsis = rest.startsWith('::');
  if (hasEllipsis) rest = rest.slice(2);
  if (rest === '' && hasEllipsis) return undefined;
  let bytes = 0;
  while (bytes < 16) {
    const group = groupOf(rest);
    if ('problem' in group) return invalid(whole, group.problem, rest);
    const { length } = group;
    if (rest.charAt(length) === '.') {
      if (!hasEllipsis && bytes !== 12)
        return invalid(whole, 'embedded IPv4 address must replace the final 2 fields of the address', rest);
      if (bytes + 4 > 16)
        return invalid(whole, 'too many hex fields to fit an embedded IPv4 at the end of the address', rest);
      const problem = ipv4Problem(whole, rest);
      if (problem !== undefined) return problem;
      rest = '';
      bytes += 4;
      break;
    }
    bytes += 2;
    rest = rest.slice(length);
    if (rest === '') break;
    if (!rest.startsWith(':')) return invalid(whole, 'unexpected character, want colon', rest);
    if (rest.length === 1) return invalid(whole, 'colon must be followed by more characters', rest);
    rest = rest.slice(1);
    if (!rest.startsWith(':')) continue;
    if (hasEllipsis) return invalid(whole, 'multiple :: in address', rest);
    hasEllipsis = true;
    rest = rest.slice(1);
    if (rest === '') break;
  }
  if (rest !== '') return invalid(whole, 'trailing garbage after address', rest);
  if (bytes < 16 && !hasEllipsis) return invalid(whole, 'address string too short');
  if (bytes === 16 && hasEllipsis) return invalid(whole, 'the :: must expand to at least one field of zeros');
  return undefined;
}

/** The hexadecimal digits that the rest begins with. */
function groupOf(rest: string): { length: number } | { problem: string } {
  const { length } = /^[0-9A-Fa-f]{0,5}/.exec(rest)?.[0] ?? '';
  if (length > 4) return { problem: 'each group must have 4 or less digits' };
  if (length === 0) return { problem: 'each colon-separated field must have at least one digit' };
  return { length };
}
