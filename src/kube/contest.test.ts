import assert from 'node:assert/strict';
import { it } from 'node:test';
import { overwritten, truceMs, type Contest } from './contest.ts';

const none = (): number => 0;

it('who is overwritten again and again waits longer each time, five minutes at most', () => {
  let contest: Contest | undefined;
  const waits: number[] = [];
  for (let times = 0; times < 12; times += 1) {
    contest = overwritten(contest, times);
    waits.push(truceMs(contest, none) / 1000);
  }
  assert.deepEqual(waits, [1, 3, 9, 27, 81, 243, 300, 300, 300, 300, 300, 300]);
});

it('what happened ten minutes ago is forgotten', () => {
  const rows: [later: number, times: number][] = [
    [1, 2],
    [600_000, 2],
    [600_001, 1],
  ];
  for (const [later, times] of rows)
    assert.equal(overwritten(overwritten(undefined, 0), later).times, times, String(later));
});
