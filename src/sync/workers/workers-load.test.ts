import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sumOfLoads, workersLoad } from './workers-load.ts';

describe('the load of workers', () => {
  it('tells steps, rests and waits, and how old the oldest of each is', () => {
    assert.deepEqual(workersLoad([undefined, 1_500, 20, undefined, undefined], [300, 90_000]), {
      busy: 2,
      resting: 3,
      waiting: 2,
      oldestBusySeconds: 1.5,
      oldestWaitingSeconds: 90,
    });
  });

  it('is 0 of everything where there is no pod', () => {
    assert.deepEqual(workersLoad([], []), {
      busy: 0,
      resting: 0,
      waiting: 0,
      oldestBusySeconds: 0,
      oldestWaitingSeconds: 0,
    });
    assert.deepEqual(sumOfLoads([]), workersLoad([], []));
  });

  it('of several hosts is the sum, and the oldest of all', () => {
    assert.deepEqual(
      sumOfLoads([workersLoad([5_000, undefined], []), workersLoad([9_000, 1], [4_000])]),
      workersLoad([5_000, undefined, 9_000, 1], [4_000]),
    );
  });
});
