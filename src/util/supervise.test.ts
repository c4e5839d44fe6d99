import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Faults } from '../model/faults.ts';
import type { Clock } from './clock.ts';
import { supervise } from './supervise.ts';

function stage() {
  const reported: string[] = [];
  const sleeps: number[] = [];
  let now = 0;
  const faults: Faults = {
    report: (part, error) => reported.push(`${part}: ${(error as Error).message}`),
  };
  const clock: Clock = {
    now: () => now,
    monotonic: () => now,
    sleep: (ms, { signal } = {}) => {
      signal?.throwIfAborted();
      sleeps.push(Math.floor(ms / 1000));
      return Promise.resolve();
    },
    after: () => () => undefined,
  };
  const stop = new AbortController();
  const pass = (ms: number): void => {
    now += ms;
  };
  return { reported, sleeps, stop, pass, options: { faults, clock, signal: stop.signal } };
}

describe('supervise', () => {
  it('starts a part again with back-off, and tells of each failure', async () => {
    const { reported, sleeps, options } = stage();
    let runs = 0;
    await supervise(
      'collection',
      () => {
        runs += 1;
        if (runs <= 4) throw new TypeError(`broken ${String(runs)}`);
        return Promise.resolve();
      },
      options,
    );
    assert.equal(runs, 5);
    assert.deepEqual(
      reported,
      [1, 2, 3, 4].map((run) => `collection: broken ${String(run)}`),
    );
    assert.equal(sleeps.length, 4);
    assert.ok(sleeps[0] === 1 && (sleeps[3] ?? 0) >= 8, String(sleeps));
  });

  it('calls off what a failed part still has under way', async () => {
    const { options } = stage();
    const signals: AbortSignal[] = [];
    await supervise(
      'pleg',
      (signal) => {
        signals.push(signal);
        return signals.length === 1 ? Promise.reject(new Error('half of it failed')) : Promise.resolve();
      },
      options,
    );
    assert.deepEqual(
      signals.map(({ aborted }) => aborted),
      [true, true],
    );
  });

  it('forgets failures of long ago', async () => {
    const { sleeps, pass, options } = stage();
    let runs = 0;
    await supervise(
      'watch',
      () => {
        runs += 1;
        if (runs === 8) return Promise.resolve();
        if (runs === 7) pass(600_000);
        return Promise.reject(new Error('again'));
      },
      options,
    );
    assert.ok((sleeps[5] ?? 0) >= 32, String(sleeps));
    assert.equal(sleeps[6], 1);
  });

  it('ends with the signal, whatever the part says then', async () => {
    const { reported, stop, options } = stage();
    const reason = new Error('stop');
    const ended = supervise(
      'pool',
      () => {
        stop.abort(reason);
        return Promise.reject(new Error('because of it'));
      },
      options,
    );
    await assert.rejects(ended, reason);
    assert.deepEqual(reported, []);
  });
});
