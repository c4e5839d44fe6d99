import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeEvents } from '../../testing/fake-host.ts';
import { FakeClock, pod, quietLog } from '../../testing/fixtures.ts';
import { awaitEvicted } from './await-evicted.ts';

const { signal } = new AbortController();
const event =
  'Warning ExceededGracePeriod: Container runtime did not kill the pod within specified grace period.';

/** Pods that are stopped and over after so many seconds; resolves with what was told and when it ended. */
async function waited({
  stopped,
  over,
  grace = 1,
}: {
  stopped: number;
  over: number;
  grace?: number;
}): Promise<{ events: string[]; seconds: number }> {
  const clock = new FakeClock();
  const events = new FakeEvents();
  const began = clock.now();
  const after = (seconds: number): boolean => clock.now() - began >= seconds * 1000;
  const options = {
    clock,
    log: quietLog,
    events,
    isStopped: () => after(stopped),
    isOver: () => after(over),
  };
  let seconds = Infinity;
  const done = awaitEvicted([pod()], { ...options, graceSeconds: grace }, { signal }).then(() => {
    seconds = (clock.now() - began) / 1000;
  });
  await clock.advance(120_000);
  await done;
  return { events: events.seen, seconds };
}

describe('waiting for evicted pods', () => {
  it('ends with them, without a word', async () => {
    assert.deepEqual(await waited({ stopped: 2, over: 3 }), { events: [], seconds: 3 });
  });

  it('tells once of one that the runtime does not stop in time', async () => {
    assert.deepEqual(await waited({ stopped: 20, over: 25 }), { events: [event], seconds: 25 });
  });

  it('gives a longer grace half as much again', async () => {
    assert.deepEqual(await waited({ stopped: 29, over: 30, grace: 20 }), { events: [], seconds: 30 });
  });

  it('says nothing of one that has stopped and is only being cleaned up', async () => {
    assert.deepEqual(await waited({ stopped: 2, over: 25 }), { events: [], seconds: 25 });
  });

  it('goes on without one that never ends', async () => {
    assert.deepEqual(await waited({ stopped: 1000, over: 1000 }), { events: [event], seconds: 31 });
  });
});
