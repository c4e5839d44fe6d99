import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Arrival } from './arrival.ts';

describe('an arrival', () => {
  it('ends the wait for it, and that alone', async () => {
    const arrival = new Arrival();
    const { signal } = new AbortController();
    arrival.announce();
    let arrived = 0;
    const first = arrival.next(signal).then(() => (arrived += 1));
    await Promise.resolve();
    assert.equal(arrived, 0);
    arrival.announce();
    arrival.announce();
    await first;
    const second = arrival.next(signal);
    arrival.announce();
    await second;
  });

  it('is not waited for any longer once the signal aborts', async () => {
    const arrival = new Arrival();
    const stop = new AbortController();
    const waiting = arrival.next(stop.signal);
    stop.abort();
    await waiting;
  });
});
