import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { lru } from './lru.ts';

describe('a cache of what was used last', () => {
  it('lets go of what was not used the longest', () => {
    const cache = lru<string>(3);
    for (const key of ['a', 'b', 'c']) cache.set(key, key);
    cache.get('a');
    cache.set('b', 'again');
    cache.set('d', 'd');
    assert.deepEqual([...cache.keys()].sort(), ['a', 'b', 'd']);
    assert.equal(cache.get('b'), 'again');
  });

  it('keeps its bound over many, and takes them back', () => {
    const cache = lru<string>(100);
    for (let turn = 0; turn < 5_000; turn += 1) {
      cache.set(String(turn), 'x');
      if (turn % 3 === 0) cache.delete(String(turn - 1));
    }
    assert.ok(cache.size <= 100 && cache.size > 60, String(cache.size));
    assert.equal(cache.get('4999'), 'x');
  });
});
