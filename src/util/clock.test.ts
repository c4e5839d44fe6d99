import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { limitSignal, withDeadline } from './abort.ts';
import { startTimer, systemClock } from './clock.ts';

/** What Node's timers hold at most: a longer wait ends after 1 ms. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Timers that a test ends by hand, in the order of their making. */
function fakeTimers(t: TestContext): { waits: number[]; fire: () => void } {
  const waits: number[] = [];
  const calls: (() => void)[] = [];
  const make = (call: () => void, ms: number): object => {
    waits.push(ms);
    calls.push(call);
    return { unref: () => undefined };
  };
  t.mock.method(globalThis, 'setTimeout', make as never);
  t.mock.method(globalThis, 'clearTimeout', () => undefined);
  return { waits, fire: () => calls.shift()?.() };
}

describe('a timer', () => {
  const rows: [ms: number, waits: number[]][] = [
    [0, [0]],
    [1_500, [1_500]],
    [MAX_TIMER_MS, [MAX_TIMER_MS]],
    [MAX_TIMER_MS + 1, [MAX_TIMER_MS, 1]],
    [31_536_000_000, [...Array<number>(14).fill(MAX_TIMER_MS), 31_536_000_000 - 14 * MAX_TIMER_MS]],
  ];
  for (const [ms, expect] of rows)
    it(`of ${String(ms)} ms`, (t) => {
      const { waits, fire } = fakeTimers(t);
      let called = 0;
      startTimer(ms, () => {
        called += 1;
      });
      for (let piece = 1; piece < expect.length; piece += 1) {
        fire();
        assert.equal(called, 0);
      }
      fire();
      assert.deepEqual({ waits, called }, { waits: expect, called: 1 });
    });

  it('is as long as any that the API accepts, wherever one is made', (t) => {
    const { waits } = fakeTimers(t);
    const ms = 2_147_483_647_000;
    void systemClock.sleep(ms);
    systemClock.after(ms, () => undefined);
    limitSignal(ms);
    void withDeadline(undefined, ms, 'x', () => new Promise(() => undefined));
    assert.deepEqual(waits, Array(4).fill(MAX_TIMER_MS));
  });
});

describe('a sleep', () => {
  it("rejects with the signal's reason, whenever that aborts", async () => {
    const reason = new Error('no more');
    await assert.rejects(systemClock.sleep(1e12, { signal: AbortSignal.abort(reason) }), reason);
    const life = new AbortController();
    const sleeping = systemClock.sleep(1e12, { signal: life.signal });
    life.abort(reason);
    await assert.rejects(sleeping, reason);
  });
});
