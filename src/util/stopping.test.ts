import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { silentLog, type Log } from '../model/log.ts';
import { stopAll, stopReason, waitAtMost } from './stopping.ts';
import { FakeClock } from '../testing/fixtures.ts';

const never = new Promise<void>(() => undefined);

function recorded(): { log: Log; lines: { fields: object; message: string }[] } {
  const lines: { fields: object; message: string }[] = [];
  const warn = (fields: object, message: string): void => {
    lines.push({ fields, message });
  };
  return { log: { ...silentLog, warn }, lines };
}

describe('stopping', () => {
  it('parts stop side by side, and one that fails holds up nobody', async () => {
    const clock = new FakeClock();
    const { log, lines } = recorded();
    const ended: string[] = [];
    await stopAll(
      [
        { name: 'a', stop: () => Promise.reject(new Error('no')) },
        { name: 'b', stop: async () => Promise.resolve(void ended.push('b')) },
        {
          name: 'c',
          stop: () => {
            throw new Error('at once');
          },
        },
      ],
      { ms: 8_000, clock, log },
    );
    assert.deepEqual(ended, ['b']);
    assert.equal(clock.timers, 0, 'the limit is not waited for');
    assert.deepEqual(
      lines.map(({ message }) => message),
      ['a part did not stop as it should', 'a part did not stop as it should'],
    );
  });

  it('what never ends is left behind at the limit, told by name, its signal aborted', async () => {
    const clock = new FakeClock();
    const { log, lines } = recorded();
    let seen: AbortSignal | undefined;
    const ended: string[] = [];
    const stopped = stopAll(
      [
        {
          name: 'kubelet API of edge-1',
          stop: ({ signal }) => {
            seen = signal;
            return never;
          },
        },
        { name: 'node edge-1', stop: () => ended.push('statuses') },
      ],
      { ms: 8_000, clock, log },
    );
    await clock.advance(7_999);
    assert.deepEqual(ended, ['statuses'], 'is not behind the other');
    assert.equal(seen?.aborted, false);
    await clock.advance(1);
    await stopped;
    assert.equal(seen.aborted, true);
    assert.deepEqual(lines[0]?.fields, { parts: ['kubelet API of edge-1'] });
  });

  it('a wait ends with what is waited for, its failure, or the limit', async () => {
    const clock = new FakeClock();
    assert.equal(await waitAtMost(Promise.resolve(), { ms: 10, clock }), true);
    assert.equal(await waitAtMost(Promise.reject(new Error('no')), { ms: 10, clock }), true);
    const waiting = waitAtMost(never, { ms: 10, clock });
    await clock.advance(10);
    assert.equal(await waiting, false);
    assert.equal(clock.timers, 0);
  });

  it('the reason: a signal tells of the second one, an error only of itself', () => {
    const { signal } = new AbortController();
    assert.equal(stopReason(signal, new Error('listen EADDRINUSE')), 'stopping: listen EADDRINUSE');
    assert.equal(
      stopReason(AbortSignal.abort(new Error('SIGTERM')), undefined),
      'stopping on SIGTERM: pods keep running; a second signal ends this at once',
    );
  });
});
