import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ratios, turnsOf } from './turns.ts';

it('everybody has a turn in each round, and is the first in one of three', () => {
  const rounds = [0, 1, 2, 3].map((round) => turnsOf(['a', 'b', 'c'], round).join(''));
  assert.deepEqual(rounds, ['abc', 'bca', 'cab', 'abc']);
});

describe('ratios', () => {
  it('are of the same round each', () => {
    const { median, min, max } = ratios([10, 30, 40], [20, 20, 10]);
    assert.deepEqual([median, min, max], [1.5, 0.5, 4]);
  });

  it('of rounds that one of both has not had are an error', () => {
    assert.throws(() => ratios([1, 2], [1]), /2 rounds can't be compared with 1/);
  });
});
