import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock, quietLog } from '../testing/fixtures.ts';
import { reportedFaults } from './reported-faults.ts';

describe('reported faults', () => {
  it('counts each, and tells of the same once a minute', async () => {
    const counted: string[] = [];
    const logged: object[] = [];
    const events: string[] = [];
    const clock = new FakeClock();
    const faults = reportedFaults({
      log: { ...quietLog, error: (fields) => logged.push(fields) },
      events: {
        event: (about, reason, message) =>
          events.push(`${String(about.kind)}/${String(about.name)} ${reason}: ${message}`),
      },
      clock,
      node: { kind: 'Node', name: 'edge' },
      count: (part) => counted.push(part),
      host: 'box',
    });
    const error = new TypeError('broken');
    for (let times = 0; times < 1000; times += 1) faults.report('pleg', error);
    faults.report('pleg', error, { kind: 'Pod', name: 'web', uid: '1' });
    assert.equal(counted.length, 1001);
    assert.deepEqual(events, [
      'Node/edge FarletFault: pleg of host box: broken (farlet tries again; its log says more)',
      'Pod/web FarletFault: pleg of host box: broken (farlet tries again; its log says more)',
    ]);
    await clock.advance(61_000);
    faults.report('pleg', error);
    assert.deepEqual(logged.at(-1), { err: error, part: 'pleg', again: 999 });
  });
});
