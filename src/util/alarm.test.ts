import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock, settle } from '../testing/fixtures.ts';
import { Alarm } from './alarm.ts';

describe('a sleep that can be woken', () => {
  const { signal } = new AbortController();
  const started = (): { clock: FakeClock; alarm: Alarm } => {
    const clock = new FakeClock();
    return { clock, alarm: new Alarm(clock) };
  };

  it('ends when its time is over', async () => {
    const { clock, alarm } = started();
    const slept = alarm.arm(signal).sleep(1_000);
    await clock.advance(1_000);
    await slept;
  });

  it('ends with a ring, and leaves no timer', async () => {
    const { clock, alarm } = started();
    const slept = alarm.arm(signal).sleep(1_000);
    await settle();
    alarm.ring();
    await slept;
    assert.equal(clock.timers, 0);
  });

  it('does not begin after a ring that came once it was armed', async () => {
    const { clock, alarm } = started();
    const armed = alarm.arm(signal);
    alarm.ring();
    await armed.sleep(1_000);
    assert.equal(clock.timers, 0);
    assert.equal(armed.signal.aborted, true);
  });

  it('is not ended by a ring for an earlier one', async () => {
    const { clock, alarm } = started();
    alarm.ring();
    alarm.arm(signal);
    alarm.ring();
    let isOver = false;
    const slept = alarm
      .arm(signal)
      .sleep(1_000)
      .then(() => (isOver = true));
    await settle();
    assert.equal(isOver, false);
    await clock.advance(1_000);
    await slept;
  });

  it('rejects with the reason of the signal, whether or not it rang', async () => {
    const { alarm } = started();
    const stop = new AbortController();
    const [armed, early] = [alarm.arm(stop.signal), alarm.arm(stop.signal)];
    const slept = early.sleep(1_000);
    stop.abort(new Error('over'));
    await assert.rejects(slept, /over/);
    await assert.rejects(armed.sleep(1_000), /over/);
  });
});
