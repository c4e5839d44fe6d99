import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { goQuote } from './go-quote.ts';
import { bytesOfText, representable, textOfBytes } from './go-string.ts';

describe('bytes as text', () => {
  const rows: [hex: string, quoted: string][] = [
    ['', '""'],
    ['6f6bc3a9', '"oké"'],
    ['f09f9881', '"😁"'],
    ['f09f9841e2824200', '"\\xf0\\x9f\\x98A\\xe2\\x82B\\x00"'],
    ['f09f9981e28242fffec37a', '"🙁\\xe2\\x82B\\xff\\xfe\\xc3z"'],
    // overlong, a surrogate, beyond the last character, a lone continuation
    ['c080', '"\\xc0\\x80"'],
    ['eda080', '"\\xed\\xa0\\x80"'],
    ['f4908080', '"\\xf4\\x90\\x80\\x80"'],
    ['80', '"\\x80"'],
    ['efbfbd', '"\ufffd"'],
    ['efbbbf41', '"\\ufeffA"'],
  ];
  for (const [hex, quoted] of rows)
    it(quoted, () => {
      const text = textOfBytes(Buffer.from(hex, 'hex'));
      assert.equal(goQuote(text), quoted);
      assert.equal(bytesOfText(text).toString('hex'), hex);
    });

  it('may meet and be a character', () => {
    const half = (hex: string): string => textOfBytes(Buffer.from(hex, 'hex'));
    assert.equal(representable(`<${half('e282')}${half('ac')}>`), '<€>');
    assert.equal(representable(half('e282')), undefined);
    assert.equal(representable('plain é'), 'plain é');
  });

  it('makes of what stands for no byte what Go makes of it', () => {
    assert.equal(bytesOfText('a\ud800b\udc00').toString('utf8'), 'a\ufffdb\ufffd');
  });
});
