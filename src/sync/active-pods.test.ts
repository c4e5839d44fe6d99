import assert from 'node:assert/strict';
import { it } from 'node:test';
import { pod } from '../testing/fixtures.ts';
import { activePods } from './active-pods.ts';
import { PodTable } from './pod-table.ts';
import type { WorkerState } from './workers/worker-state.ts';

it('pods hold resources from when they are taken until nothing of them runs', () => {
  const table = new PodTable();
  const states = new Map<string, WorkerState>();
  for (const at of ['syncing', 'stopping', 'finishing', 'finished'] as const) {
    const subject = pod({ metadata: { uid: at, name: at } });
    table.set(subject);
    states.set(at, at === 'stopping' ? { at, pod: subject, graceSeconds: 30 } : { at, pod: subject });
  }
  table.set(pod({ metadata: { uid: 'waits', name: 'waits' } }));
  const refused = pod({ metadata: { uid: 'refused', name: 'refused' } });
  table.set(refused);
  table.reject('refused');
  states.set('refused', { at: 'syncing', pod: refused });
  const active = activePods({ table, workers: { state: (uid) => states.get(uid) } });
  assert.deepEqual(
    active.map(({ metadata }) => metadata.uid),
    ['syncing', 'stopping'],
  );
});
