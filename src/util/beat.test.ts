import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Beat } from './beat.ts';

const at = (now: number, phaseMs = 0): Beat => new Beat({ monotonic: () => now }, phaseMs);

describe('beat', () => {
  it('ticks of one period come together, and those of a multiple fall on them', () => {
    const rows: [now: number, everyMs: number, wait: number][] = [
      [0, 1_000, 1_000],
      [300, 1_000, 700],
      [950.5, 1_000, 50],
      [1_000, 1_000, 1_000],
      [1_000, 2_000, 1_000],
      [-300, 1_000, 300],
    ];
    for (const [now, everyMs, wait] of rows) assert.equal(at(now).until(everyMs), wait);
  });

  it('a timer that was early has had its tick', () => {
    assert.equal(at(999).until(1_000), 1_001);
    assert.equal(at(1_001).until(1_000), 999);
  });

  it('leaves half of a period free for others, if it is to', () => {
    const rows: [now: number, wait: number][] = [
      [0, 1_000],
      [300, 700],
      [500, 500],
      [600, 1_400],
      [900, 1_100],
    ];
    for (const [now, wait] of rows) assert.equal(at(now).after(1_000), wait);
  });

  it('brings what is due at any time to a tick, never before its time', () => {
    const rows: [now: number, ms: number, wait: number][] = [
      [0, 61_000, 62_000],
      [0, 62_000, 62_000],
      [500, 61_000, 61_500],
      [1_500, 61_000, 62_500],
    ];
    for (const [now, ms, wait] of rows) assert.equal(at(now).from(ms, 2_000), wait);
  });

  it('never waits for nothing, nor much longer than it is to', () => {
    for (const everyMs of [1, 2, 4.9, 5, 5.1, 250, 1_750, 10_000, 3_600_000])
      for (const now of [0, 0.4, 3.3, 4.9, 249.7, 9_995.2, 9_999.9]) {
        const wait = at(now, 17.3).until(everyMs);
        assert.ok(wait >= 5 && wait <= everyMs + 6, `${wait} ms at ${now} of ${everyMs}`);
      }
  });

  it('what was begun on one tick is due on a later one, however exact timers are', () => {
    const rows: [begun: number, now: number, due: boolean][] = [
      [1_002, 11_000, true],
      [1_000, 10_999, true],
      [1_080, 11_000, true],
      [1_000, 10_000, false],
      [-Infinity, 0, true],
    ];
    for (const [begun, now, due] of rows) assert.equal(at(now).isDue(begun, 10_000), due, `${begun} ${now}`);
  });

  it('is another one for another host, and one host keeps its own', () => {
    const waits = [0, 75_000, 150_000, 225_000].map((phaseMs) => at(0, phaseMs).until(300_000));
    assert.deepEqual(waits, [300_000, 225_000, 150_000, 75_000]);
    // a tick of five minutes is one of ten seconds and of one minute as well
    const fifth = (waits[1] ?? 0) % 60_000;
    assert.equal(at(0, 75_000).until(60_000), fifth === 0 ? 60_000 : fifth);
    assert.equal(at(225_000, 75_000).until(10_000), 10_000);
  });

  for (const everyMs of [2_000, 10_000, 60_000, 300_000])
    it(`ten of a hundred hosts share their ticks of ${everyMs / 1000} s, and no more`, () => {
      const first = at(0, 12_345.6);
      const ticks = new Map<number, number>();
      for (let host = 0; host < 100; host += 1) {
        // of twenty nodes with five hosts each
        const beat = first.shifted(host - (host % 5)).shifted(host % 5);
        const tick = Math.round((beat.until(everyMs) - first.until(everyMs)) / 200) * 200;
        ticks.set(tick, (ticks.get(tick) ?? 0) + 1);
        assert.ok(Math.abs(beat.until(everyMs) - first.until(everyMs) - tick) <= 1);
      }
      assert.deepEqual(new Set(ticks.values()), new Set([10]), inspectable(ticks));
    });

  it('the first host of a process has the beat of the process', () => {
    const process = at(7, 40);
    assert.equal(process.shifted(0).until(10_000), process.until(10_000));
  });
});

function inspectable(ticks: ReadonlyMap<number, number>): string {
  return JSON.stringify([...ticks].sort(([a], [b]) => a - b));
}
