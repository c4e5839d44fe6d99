import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { summary } from './stats.ts';

describe('a summary', () => {
  for (const { values, median, p10, p90 } of [
    { values: [7], median: 7, p10: 7, p90: 7 },
    { values: [3, 1, 2], median: 2, p10: 1.2, p90: 2.8 },
    { values: [1, 2, 3, 4], median: 2.5, p10: 1.3, p90: 3.7 },
  ]) {
    it(`of ${values.join(', ')}`, () => {
      const found = summary(values);
      assert.equal(found.count, values.length);
      assert.deepEqual([found.min, found.max], [Math.min(...values), Math.max(...values)]);
      assert.deepEqual(
        [found.p10, found.median, found.p90].map((value) => Number(value.toFixed(6))),
        [p10, median, p90],
      );
    });
  }

  it('of nothing is an error', () => {
    assert.throws(() => summary([]), /nothing was measured/);
  });
});
