import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Beat } from './beat.ts';

const at = (now: number, random = 0): Beat => new Beat({ monotonic: () => now }, () => random);

describe('beat', () => {
  it('ticks of one period come together, and those of a multiple fall on them', () => {
    const rows: [now: number, everyMs: number, wait: number][] = [
      [0, 10, 10],
      [3, 10, 7],
      [9.5, 10, 0.5],
      [10, 10, 10],
      [10, 20, 10],
      [-3, 10, 3],
    ];
    for (const [now, everyMs, wait] of rows) assert.equal(at(now).until(everyMs), wait);
  });

  it('leaves half of a period free for others, if it is to', () => {
    const rows: [now: number, wait: number][] = [
      [0, 10],
      [3, 7],
      [5, 5],
      [6, 14],
      [9, 11],
    ];
    for (const [now, wait] of rows) assert.equal(at(now).after(10), wait);
  });

  it('is another one for another host, and one host keeps its own', () => {
    const waits = [0, 0.25, 0.5, 0.75].map((random) => at(0, random).until(300_000));
    assert.deepEqual(waits, [300_000, 225_000, 150_000, 75_000]);
    // a tick of five minutes is one of ten seconds and of one minute as well
    const fifth = (waits[1] ?? 0) % 60_000;
    assert.equal(at(0, 0.25).until(60_000), fifth === 0 ? 60_000 : fifth);
    assert.equal(at(225_000, 0.25).until(10_000), 10_000);
  });
});
