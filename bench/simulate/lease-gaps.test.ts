import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LeaseGaps } from './lease-gaps.ts';

describe('gaps between renewals', () => {
  const gaps = new LeaseGaps();
  for (const [node, mark, at] of [
    ['a', '1', 0],
    ['b', '1', 1_000],
    ['b', '1', 9_000],
    ['a', '2', 10_000],
    ['b', '2', 13_000],
    ['a', '3', 18_000],
  ] as const)
    gaps.seen(node, mark, at);

  it('are those of each node; a change that is no renewal ends none', () => {
    assert.equal(gaps.nodes, 2);
    assert.deepEqual(gaps.largest({ from: 0, until: 19_000 }), { node: 'b', seconds: 12 });
  });

  it('count if they ended within the time, or have not ended', () => {
    assert.deepEqual(gaps.largest({ from: 14_000, until: 18_000 }), { node: 'a', seconds: 8 });
    assert.deepEqual(gaps.largest({ from: 14_000, until: 40_000 }), { node: 'b', seconds: 27 });
  });
});
