import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { lifecycleOf, workingPodCounts, type WorkingPod } from './working-pods.ts';

describe('working pods', () => {
  it('are counted by what is done for them, combinations without any included', () => {
    const desired: WorkingPod = { lifecycle: 'sync', config: 'desired', static: '' };
    const pods: WorkingPod[] = [
      desired,
      desired,
      { lifecycle: 'terminating', config: 'runtime_only', static: 'unknown' },
    ];
    const counts = workingPodCounts(pods);
    assert.equal(counts.length, 15);
    assert.deepEqual(
      counts.filter(({ count }) => count > 0),
      [
        { ...desired, count: 2 },
        { lifecycle: 'terminating', config: 'runtime_only', static: 'unknown', count: 1 },
      ],
    );
  });
  for (const [at, lifecycle] of [
    ['syncing', 'sync'],
    ['stopping', 'terminating'],
    ['finishing', 'terminated'],
    ['finished', 'terminated'],
  ] as const)
    it(`${at} is ${lifecycle}`, () => {
      assert.equal(lifecycleOf({ at }), lifecycle);
    });
});
