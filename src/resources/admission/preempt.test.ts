import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { KillOrder } from '../../model/pod-update.ts';
import { FakeEvents } from '../../testing/fake-host.ts';
import { FakeClock, pod } from '../../testing/fixtures.ts';
import { preempt } from './preempt.ts';

it('a pod makes room once: it fails, and says for whom', () => {
  const killed: [string, KillOrder][] = [];
  const short: string[] = [];
  const events = new FakeEvents();
  const clock = new FakeClock();
  const victim = pod({ metadata: { uid: 'v', generation: 3 } });
  let at = 'syncing';
  const workers = {
    state: () => ({ at }),
    kill: (uid: string, order: KillOrder) => {
      killed.push([uid, order]);
      at = 'stopping';
    },
  };
  const options = { workers, events, clock, onPreempted: (of: string) => short.push(of) };
  preempt(victim, 'cpu', options);
  preempt(victim, 'cpu', options);
  assert.equal(killed.length, 1);
  const [uid, order] = killed[0] ?? [];
  assert.equal(uid, 'v');
  assert.partialDeepStrictEqual(order?.status, {
    phase: 'Failed',
    reason: 'Preempting',
    conditions: [{ type: 'DisruptionTarget', reason: 'TerminationByKubelet', observedGeneration: 3 }],
  });
  assert.deepEqual(short, ['cpu']);
  assert.deepEqual(events.seen.length, 1);
});
