import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock } from '../testing/fixtures.ts';
import { Beat } from '../util/beat.ts';
import { sampleLoopDelay } from './event-loop.ts';

/** A clock whose timers are late. */
class LateClock extends FakeClock {
  lateMs = 0;
  override monotonic(): number {
    return super.monotonic() + this.lateMs;
  }
}

function setUp() {
  const clock = new LateClock();
  const life = new AbortController();
  const delays: number[] = [];
  sampleLoopDelay({
    beat: new Beat(clock, 0),
    clock,
    onDelay: (each) => delays.push(each),
    signal: life.signal,
  });
  return { clock, life, delays };
}

describe('samples of the event loop’s delay', () => {
  it('say by how much a timer was late, once a second', async () => {
    const { clock, delays } = setUp();
    await clock.advance(2_000);
    clock.lateMs = 250;
    await clock.advance(1_000);
    await clock.advance(1_000);
    assert.deepEqual(delays, [0, 0, 0.25, 0]);
  });

  it('are never below zero, although a timer may be a little early', async () => {
    const { clock, delays } = setUp();
    clock.lateMs = -1;
    await clock.advance(1_000);
    assert.deepEqual(delays, [0]);
  });

  it('end with the signal, and leave no timer', async () => {
    const { clock, life, delays } = setUp();
    life.abort();
    await clock.advance(2_000);
    assert.deepEqual([delays, clock.timers], [[], 0]);
  });
});
