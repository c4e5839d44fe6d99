import { byteOfUnit } from './go-string.ts';

const short = new Map([
  ['\x07', '\\a'],
  ['\b', '\\b'],
  ['\f', '\\f'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
  ['\v', '\\v'],
  ['\\', '\\\\'],
  ['"', '\\"'],
]);
const printable = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;

/**
 * The text as Go's `%q` and strconv.Quote show it: the form of names in the kubelet's messages and label
 * files.
 */
export function goQuote(text: string): string {
  let quoted = '"';
  for (const character of text) quoted += short.get(character) ?? escaped(character);
  return `${quoted}"`;
}

function escaped(character: string): string {
  if (printable.test(character)) return character;
  const code = character.codePointAt(0) ?? 0;
  const byte = byteOfUnit(code);
  if (byte !== undefined) return `\\x${byte.toString(16)}`;
  if (code < 0x80) return `\\x${code.toString(16).padStart(2, '0')}`;
  return code < 0x1_0000
    ? `\\u${code.toString(16).padStart(4, '0')}`
    : `\\U${code.toString(16).padStart(8, '0')}`;
}
