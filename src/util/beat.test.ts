import assert from 'node:assert/strict';
import { it } from 'node:test';
import { untilBeat } from './beat.ts';

it('ticks of one period come together, and those of a multiple fall on them', () => {
  const rows: [now: number, everyMs: number, wait: number][] = [
    [0, 10, 10],
    [3, 10, 7],
    [9.5, 10, 0.5],
    [10, 10, 10],
    [10, 20, 10],
    [-3, 10, 3],
  ];
  for (const [now, everyMs, wait] of rows) assert.equal(untilBeat(now, everyMs), wait);
});
