import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { damaged, fuzz, hostileBytes } from './fuzz.ts';

describe('fuzz', () => {
  fuzz('JSON.parse throws nothing but SyntaxError', hostileBytes(), (bytes) => {
    try {
      JSON.parse(bytes.toString());
    } catch (error) {
      assert.ok(error instanceof SyntaxError);
    }
  });

  it('damages what is good, most of the time', () => {
    const good = Buffer.from('HTTP/1.1 200 OK\r\n\r\n');
    const made = fc.sample(damaged(good), 100);
    assert.ok(made.filter((bytes) => !bytes.equals(good)).length > 50);
    for (const bytes of made) assert.ok(bytes.length < 1024);
  });
});
