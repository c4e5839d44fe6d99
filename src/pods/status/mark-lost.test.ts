import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PodStatus } from '../../model/kube.ts';
import { FakeEvents } from '../../testing/fake-host.ts';
import { pod } from '../../testing/fixtures.ts';
import { markLost } from './mark-lost.ts';

const ready = (is: string): PodStatus => ({
  phase: 'Running',
  conditions: [
    { type: 'Ready', status: is, lastTransitionTime: 'then' },
    { type: 'ContainersReady', status: is, lastTransitionTime: 'then' },
  ],
});

describe('pods whose host is lost', () => {
  it('are not ready, and only those are told of that were', () => {
    const statuses: Record<string, PodStatus> = {
      ready: ready('True'),
      unready: ready('False'),
      over: { ...ready('True'), phase: 'Succeeded' },
    };
    const set: Record<string, PodStatus> = {};
    const events = new FakeEvents();
    markLost({
      pods: ['ready', 'unready', 'over', 'new'].map((uid) => pod({ metadata: { uid } })),
      status: {
        current: (uid) => statuses[uid],
        set: ({ metadata }, { status, mayRun }) => {
          assert.equal(mayRun, true);
          set[metadata.uid] = status;
        },
      },
      events,
      now: 'now',
    });
    assert.deepEqual(set, {
      ready: {
        phase: 'Running',
        conditions: [
          { type: 'Ready', status: 'False', lastTransitionTime: 'now' },
          { type: 'ContainersReady', status: 'True', lastTransitionTime: 'then' },
        ],
      },
    });
    assert.equal(events.seen.length, 1);
    assert.match(events.seen[0] ?? '', /^Warning NodeNotReady.*: Node is not ready$/);
  });
});
