import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { pod } from '../../testing/fixtures.ts';
import { graceSeconds, initialState, nextState, type WorkerEvent, type WorkerState } from './worker-state.ts';

const deleted = (grace: number, uid = 'uid-web'): ReturnType<typeof pod> =>
  pod({ metadata: { uid, deletionTimestamp: '2026-01-01T00:01:00Z', deletionGracePeriodSeconds: grace } });
const failed = pod({ status: { phase: 'Failed' } });

describe('a pod starts', () => {
  const rows = [
    { name: 'syncing', pod: pod(), runtime: false, at: 'syncing' },
    {
      name: 'syncing although its containers run already (restart)',
      pod: pod(),
      runtime: true,
      at: 'syncing',
    },
    { name: 'stopping when deleted', pod: deleted(5), runtime: true, at: 'stopping' },
    {
      name: 'stopping when deleted and nothing runs: its object must still go',
      pod: deleted(5),
      runtime: false,
      at: 'stopping',
    },
    { name: 'finishing when terminal and nothing is left', pod: failed, runtime: false, at: 'finishing' },
    { name: 'stopping when terminal and something is left', pod: failed, runtime: true, at: 'stopping' },
  ];
  for (const row of rows) {
    it(row.name, () => {
      assert.equal(initialState(row.pod, row.runtime).at, row.at);
    });
  }
});

describe('transitions', () => {
  const syncing: WorkerState = { at: 'syncing', pod: pod() };
  const stopping: WorkerState = { at: 'stopping', pod: deleted(10), graceSeconds: 10 };
  const finished: WorkerState = { at: 'finished', pod: failed };
  const rows: {
    name: string;
    from: WorkerState;
    event: WorkerEvent;
    to: WorkerState['at'];
    interrupt: boolean;
    grace?: number;
  }[] = [
    {
      name: 'a new spec does not interrupt',
      from: syncing,
      event: { kind: 'pod', pod: pod() },
      to: 'syncing',
      interrupt: false,
    },
    {
      name: 'deletion interrupts a sync',
      from: syncing,
      event: { kind: 'pod', pod: deleted(7) },
      to: 'stopping',
      interrupt: true,
      grace: 7,
    },
    {
      name: 'a terminal phase set from outside stops',
      from: syncing,
      event: { kind: 'pod', pod: failed },
      to: 'stopping',
      interrupt: true,
      grace: 30,
    },
    {
      name: 'an order with a grace of its own',
      from: syncing,
      event: { kind: 'kill', order: { graceSeconds: 0 } },
      to: 'stopping',
      interrupt: true,
      grace: 1,
    },
    {
      name: 'a shorter grace interrupts a stop',
      from: stopping,
      event: { kind: 'pod', pod: deleted(2) },
      to: 'stopping',
      interrupt: true,
      grace: 2,
    },
    {
      name: 'a longer grace changes nothing',
      from: stopping,
      event: { kind: 'pod', pod: deleted(60) },
      to: 'stopping',
      interrupt: false,
      grace: 10,
    },
    { name: 'stopped', from: stopping, event: { kind: 'stopped' }, to: 'finishing', interrupt: false },
    {
      name: 'finished',
      from: { at: 'finishing', pod: failed },
      event: { kind: 'done' },
      to: 'finished',
      interrupt: false,
    },
    {
      name: 'a finished pod that is deleted is finished again',
      from: finished,
      event: { kind: 'pod', pod: deleted(0) },
      to: 'finishing',
      interrupt: false,
    },
    {
      name: 'a finished pod with another label stays',
      from: finished,
      event: { kind: 'pod', pod: failed },
      to: 'finished',
      interrupt: false,
    },
    {
      name: 'a finished pod is not killed',
      from: finished,
      event: { kind: 'kill', order: {} },
      to: 'finished',
      interrupt: false,
    },
  ];
  for (const row of rows) {
    it(row.name, () => {
      const { state, interrupt } = nextState(row.from, row.event);
      assert.equal(state.at, row.to);
      assert.equal(interrupt, row.interrupt);
      if (row.grace !== undefined)
        assert.equal(state.at === 'stopping' ? state.graceSeconds : undefined, row.grace);
    });
  }

  it('keeps the status of the order that stopped the pod', () => {
    const evicted = nextState(syncing, {
      kind: 'kill',
      order: { status: { phase: 'Failed', reason: 'Evicted' } },
    }).state;
    const later = nextState(evicted, { kind: 'pod', pod: deleted(1) }).state;
    assert.deepEqual(later.at === 'stopping' ? later.status : undefined, {
      phase: 'Failed',
      reason: 'Evicted',
    });
  });
});

describe('properties', () => {
  const order = ['syncing', 'stopping', 'finishing', 'finished'];
  const event = fc.oneof(
    fc.constant<WorkerEvent>({ kind: 'pod', pod: pod() }),
    fc.integer({ min: 0, max: 100 }).map((grace): WorkerEvent => ({ kind: 'pod', pod: deleted(grace) })),
    fc.option(fc.integer({ min: 0, max: 100 }), { nil: undefined }).map((grace): WorkerEvent => ({
      kind: 'kill',
      order: grace === undefined ? {} : { graceSeconds: grace },
    })),
    fc.constant<WorkerEvent>({ kind: 'stopped' }),
    fc.constant<WorkerEvent>({ kind: 'done' }),
  );

  it('moves forward only, and grace only shrinks', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 30 }), (events) => {
        let state: WorkerState = initialState(pod(), false);
        for (const each of events) {
          const next: WorkerState = nextState(state, each).state;
          const again = state.at === 'finished' && next.at === 'finishing';
          assert.ok(again || order.indexOf(next.at) >= order.indexOf(state.at), `${state.at} → ${next.at}`);
          if (state.at === 'stopping' && next.at === 'stopping')
            assert.ok(next.graceSeconds <= state.graceSeconds);
          state = next;
        }
      }),
    );
  });

  it('grace is at least one second', () => {
    assert.equal(graceSeconds(deleted(0), undefined), 1);
    assert.equal(graceSeconds(pod({ spec: { terminationGracePeriodSeconds: 0 } }), undefined), 1);
    assert.equal(graceSeconds(deleted(20), 5), 5);
  });
});
