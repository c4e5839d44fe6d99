import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { humanDuration } from './human-duration.ts';

describe('an age as kubectl writes it', () => {
  const rows: [seconds: number, text: string][] = [
    [-3, '0s'],
    [0.4, '0s'],
    [119, '119s'],
    [120, '2m'],
    [200, '3m20s'],
    [600, '10m'],
    [10_799, '179m'],
    [10_800, '3h'],
    [12_000, '3h20m'],
    [28_800, '8h'],
    [172_799, '47h'],
    [172_800, '2d'],
    [180_000, '2d2h'],
    [691_200, '8d'],
    [63_072_000, '2y'],
    [64_000_000, '2y10d'],
    [300_000_000, '9y'],
  ];
  for (const [seconds, text] of rows)
    it(`${String(seconds)} s is ${text}`, () => {
      assert.equal(humanDuration(seconds), text);
    });
});
