import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { drawScale, type Panel } from './picture.ts';

const panel: Panel = {
  title: 'Memory <MiB>',
  unit: 'MiB',
  limit: 400,
  curves: [
    {
      name: 'listed & watched',
      points: [
        [1, 100],
        [100, 300],
      ],
    },
  ],
};

describe('the picture of curves', () => {
  it('has a point for each size, higher for more, and says the last value', () => {
    const picture = drawScale([panel]);
    const heights = [...picture.matchAll(/cy="([\d.]+)"/g)].map(([, y]) => Number(y));
    assert.equal(heights.length, 2);
    assert.ok((heights[1] ?? NaN) < (heights[0] ?? NaN));
    assert.match(picture, /<text class="name"[^>]*>300<\/text>/);
  });

  it('escapes what it says', () => {
    const picture = drawScale([panel]);
    assert.match(picture, /Memory &lt;MiB&gt;/);
    assert.match(picture, /listed &amp; watched/);
  });

  it('draws a limit that is near, and tells one that is far away in words only', () => {
    assert.match(drawScale([panel]), /class="limit" d=/);
    const far = drawScale([{ ...panel, limit: 40_000 }]);
    assert.doesNotMatch(far, /class="limit" d=/);
    assert.match(far, /limit 40000 MiB/);
  });
});
