import assert from 'node:assert/strict';
import fc from 'fast-check';
import { fuzz, hostileBytes } from '../testing/fuzz.ts';
import { expand } from './expansion.ts';
import { bytesOfText, representable, textOfBytes } from './go-string.ts';

/** The rules byte by byte, as the forked Go package walks them. */
function byteWise(input: Buffer, valueOf: (name: string) => Buffer | undefined): Buffer {
  const [dollar, open, close] = Buffer.from('$()');
  const parts: Buffer[] = [];
  for (let at = 0; at < input.length; at += 1) {
    const [here, next] = [input[at], input[at + 1]];
    if (here === dollar && next === dollar) {
      parts.push(Buffer.from('$'));
      at += 1;
    } else if (here === dollar && next === open && input.indexOf(close ?? 0, at + 2) !== -1) {
      const end = input.indexOf(close ?? 0, at + 2);
      parts.push(valueOf(textOfBytes(input.subarray(at + 2, end))) ?? input.subarray(at, end + 1));
      at = end;
    } else parts.push(input.subarray(at, at + 1));
  }
  return Buffer.concat(parts);
}

const pieces = fc.constantFrom('$', '$$', '(', ')', '$(', '$(A)', '$(É)', 'A', 'É', '£', '😀', '\n', '$()');
const text = fc.array(fc.oneof(pieces, fc.string({ unit: 'grapheme' })), { maxLength: 40 });
const values = new Map([
  ['A', Buffer.of(0xff, 0xe2)],
  ['É', Buffer.from('$(A)')],
]);

fuzz(
  'expansion: as bytes are walked',
  text.map((parts) => parts.join('')),
  (input) => {
    const result = expand(input, (name) => {
      const value = values.get(name);
      return value && textOfBytes(value);
    });
    const expected = byteWise(Buffer.from(input), (name) => values.get(name));
    assert.equal(bytesOfText(result).toString('hex'), expected.toString('hex'));
  },
);

fuzz('bytes as text: nothing is lost', hostileBytes(), (bytes) => {
  const back = textOfBytes(bytes);
  assert.deepEqual(bytesOfText(back), bytes);
  const isText = Buffer.from(bytes.toString('utf8')).equals(bytes);
  assert.equal(representable(back) !== undefined, isText);
});
