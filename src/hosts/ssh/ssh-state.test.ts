import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nextSshState, type SshEvent, type SshState } from './ssh-state.ts';

const steps = (...events: SshEvent[]): SshState =>
  events.reduce<SshState>((state, event) => nextSshState(state, event, () => 0), { at: 'idle' });
const connect: SshEvent = { type: 'connect' };
const failed: SshEvent = { type: 'failed', error: 'no route', refused: false, now: 1_000 };

describe('the state of an ssh connection', () => {
  it('is ready after a login', () => {
    assert.deepEqual(steps(connect, { type: 'connected' }), { at: 'ready' });
  });

  it('waits longer after each failure, up to five seconds', () => {
    const waits = Array.from({ length: 7 }, (_, n) => {
      const state = steps(...Array.from({ length: n + 1 }, () => [connect, failed]).flat());
      return state.at === 'lost' ? state.retryAt - 1_000 : undefined;
    });
    assert.deepEqual(waits, [250, 500, 1_000, 2_000, 4_000, 5_000, 5_000]);
  });

  it('does not hammer a host that refuses', () => {
    const state = steps(connect, { ...failed, refused: true });
    assert.equal(state.at === 'lost' ? state.retryAt : undefined, 16_000);
  });

  it('tries soon after a break, and keeps the reason while it tries', () => {
    const broke: SshEvent = { type: 'broke', error: 'reset', now: 5_000 };
    const lost = steps(connect, { type: 'connected' }, broke);
    assert.deepEqual(lost, { at: 'lost', failures: 0, error: 'reset', retryAt: 5_250 });
    assert.deepEqual(nextSshState(lost, connect), { at: 'connecting', failures: 0, error: 'reset' });
  });

  it('stays closed', () => {
    assert.deepEqual(steps(connect, { type: 'close' }, { type: 'connected' }), { at: 'closed' });
  });
});
