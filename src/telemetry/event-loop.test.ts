import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock } from '../testing/fixtures.ts';
import { sampleLoopDelay } from './event-loop.ts';

/** A clock whose timers are late. */
class LateClock extends FakeClock {
  lateMs = 0;
  override monotonic(): number {
    return super.monotonic() + this.lateMs;
  }
}

describe('samples of the event loop’s delay', () => {
  it('say by how much a timer was late, twice a second', async () => {
    const clock = new LateClock();
    const delays: number[] = [];
    sampleLoopDelay({ clock, onDelay: (each) => delays.push(each), signal: new AbortController().signal });
    await clock.advance(1_000);
    clock.lateMs = 250;
    await clock.advance(500);
    await clock.advance(500);
    assert.deepEqual(delays, [0, 0, 0.25, 0]);
  });

  it('are never below zero, although a timer may be a little early', async () => {
    const clock = new LateClock();
    const delays: number[] = [];
    sampleLoopDelay({ clock, onDelay: (each) => delays.push(each), signal: new AbortController().signal });
    clock.lateMs = -1;
    await clock.advance(500);
    assert.deepEqual(delays, [0]);
  });

  it('end with the signal, and leave no timer', async () => {
    const clock = new LateClock();
    const life = new AbortController();
    const delays: number[] = [];
    sampleLoopDelay({ clock, onDelay: (each) => delays.push(each), signal: life.signal });
    life.abort();
    await clock.advance(1_000);
    assert.deepEqual([delays, clock.timers], [[], 0]);
  });
});
