import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { verdicts, type Sample } from './soak-samples.ts';

function rounds(change: (index: number) => Partial<Sample>): Sample[] {
  return Array.from({ length: 8 }, (_, index) => ({
    pods: 100 * (index + 1),
    readyMs: 200,
    goneMs: 100,
    rssMiB: 90,
    openFiles: 30,
    timers: 12,
    handles: 10,
    series: 300,
    left: { sandboxes: 0 },
    ...change(index),
  }));
}

describe('verdicts', () => {
  const rows: { case: string; change: (index: number) => Partial<Sample>; grows: string[] }[] = [
    { case: 'what stays is flat', change: () => ({}), grows: [] },
    {
      case: 'what the first rounds need to warm up is not growth',
      change: (index) => ({ rssMiB: index < 2 ? 60 : 90 }),
      grows: [],
    },
    { case: 'pods that get slower', change: (index) => ({ readyMs: 200 + 40 * index }), grows: ['readyMs'] },
    {
      case: 'memory that is not given back',
      change: (index) => ({ rssMiB: 90 + 5 * index }),
      grows: ['rssMiB'],
    },
    { case: 'a file a round', change: (index) => ({ openFiles: 30 + 2 * index }), grows: ['openFiles'] },
    {
      case: 'one sandbox left',
      change: (index) => ({ left: { sandboxes: index === 7 ? 1 : 0 } }),
      grows: ['left: sandboxes'],
    },
  ];
  for (const { case: name, change, grows } of rows) {
    it(name, () => {
      assert.deepEqual(
        verdicts(rounds(change))
          .filter(({ isFlat }) => !isFlat)
          .map(({ figure }) => figure),
        grows,
      );
    });
  }
  it('refuses too few rounds', () => {
    assert.throws(() => verdicts(rounds(() => ({})).slice(0, 3)), /at least four/);
  });
});
