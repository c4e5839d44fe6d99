import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Clock } from './clock.ts';
import { isWorthTelling, retry } from './retry.ts';

const policy = { baseMs: 100, maxMs: 400, factor: 2 };

function stage() {
  const sleeps: number[] = [];
  const told: string[] = [];
  const stop = new AbortController();
  const clock: Pick<Clock, 'sleep'> = {
    sleep: (ms) => {
      stop.signal.throwIfAborted();
      sleeps.push(ms);
      return Promise.resolve();
    },
  };
  const onFailure = (error: unknown, failures: number): void => {
    told.push(`${String(failures)} ${(error as Error).message}`);
  };
  return { sleeps, told, stop, options: { policy, clock, signal: stop.signal, onFailure } };
}

/** Fails so many times. */
function failing(times: number): () => Promise<string> {
  let tries = 0;
  return () => {
    tries += 1;
    return tries > times ? Promise.resolve('done') : Promise.reject(new Error(`try ${String(tries)}`));
  };
}

describe('retry', () => {
  it('tries on with back-off, and tells of each failure', async () => {
    const { sleeps, told, options } = stage();
    assert.equal(await retry(failing(4), options), 'done');
    assert.deepEqual(sleeps, [100, 200, 400, 400]);
    assert.deepEqual(told, ['1 try 1', '2 try 2', '3 try 3', '4 try 4']);
  });

  it('waits as long as a failure asks for', async () => {
    const { sleeps, options } = stage();
    await retry(failing(2), { ...options, waitMs: (_error, ms) => Math.max(ms, 150) });
    assert.deepEqual(sleeps, [150, 200]);
  });

  it('gives up with what is thrown when it is told of a failure', async () => {
    const { sleeps, options } = stage();
    const onFailure = (error: unknown): void => {
      throw new Error('hopeless', { cause: error });
    };
    await assert.rejects(retry(failing(9), { ...options, onFailure }), /hopeless/);
    assert.deepEqual(sleeps, []);
  });

  it('is over with the signal, whose reason is no failure', async () => {
    const { told, stop, options } = stage();
    const attempt = (): Promise<never> => {
      stop.abort(new Error('the node has ended'));
      return Promise.reject(new Error('broken'));
    };
    await assert.rejects(retry(attempt, options), /the node has ended/);
    assert.deepEqual(told, []);
  });

  it('is worth a line at first and then each tenth time', () => {
    const told = Array.from({ length: 21 }, (_, index) => index + 1).filter(isWorthTelling);
    assert.deepEqual(told, [1, 10, 20]);
  });
});
