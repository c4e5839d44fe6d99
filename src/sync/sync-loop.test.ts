import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { messageOf } from '../model/errors.ts';
import { ignoredFaults } from '../model/faults.ts';
import type { Pod } from '../model/kube.ts';
import { FakeClock, pod, quietLog, settle } from '../testing/fixtures.ts';
import type { WorkerState } from './workers/worker-state.ts';
import { OrphanWatch } from './housekeeping.ts';
import { PodTable } from './pod-table.ts';
import { SyncLoop, type SyncLoopOptions } from './sync-loop.ts';
import type { AdmissionVerdict } from '../resources/admission/verdict.ts';
import { SyncQueue } from './sync-queue.ts';

interface Bench {
  queue: SyncQueue;
  calls: string[];
  admitted: string[][];
  ready: () => void;
  /** the Node has been read again */
  nodeIsRead: () => void;
  stop: () => Promise<void>;
}

/** What a test does not look at. */
function bench(): Omit<SyncLoopOptions, 'workers' | 'allocations' | 'queue'> {
  return {
    table: new PodTable(),
    clock: new FakeClock(),
    log: quietLog,
    sourcesReady: Promise.resolve(),
    preempt: () => undefined,
    refreshNode: () => Promise.resolve(),
    onRejected: () => undefined,
    onReconcile: () => undefined,
    onMirror: () => undefined,
    onRemoved: () => undefined,
    housekeeping: () => undefined,
    faults: ignoredFaults,
    observer: { event: () => undefined, iteration: () => undefined },
  };
}

function setUp(
  admit: (pod: Pod, options: { nodeIsFresh: boolean }) => AdmissionVerdict = () => ({ kind: 'admitted' }),
): Bench {
  const queue = new SyncQueue();
  const table = new PodTable();
  const calls: string[] = [];
  const admitted: string[][] = [];
  const states = new Map<string, WorkerState>();
  let ready: () => void = () => undefined;
  let nodeIsRead: () => void = () => undefined;
  const sourcesReady = new Promise<void>((resolve) => (ready = resolve));
  const loop = new SyncLoop({
    queue,
    table,
    workers: {
      update: (each) => {
        calls.push(`update ${each.metadata.name}`);
        states.set(each.metadata.uid, { at: 'syncing', pod: each });
      },
      remove: (uid) => calls.push(`remove ${uid}`),
      wake: (uid) => calls.push(`wake ${uid}`),
      wakeAll: () => calls.push('wake all'),
      state: (uid) => states.get(uid),
    },
    clock: new FakeClock(),
    log: quietLog,
    sourcesReady,
    allocations: {
      admit: (each, active, options) => {
        admitted.push([each.metadata.name, ...active.map(({ metadata }) => metadata.name)]);
        return admit(each, options);
      },
      offer: () => undefined,
      granted: (each) => each,
      retryResizes: () => [],
    },
    preempt: (victim, shortOf) => calls.push(`${victim.metadata.name} makes room for ${shortOf}`),
    refreshNode: () => {
      calls.push('the Node is read');
      return new Promise((resolve) => (nodeIsRead = resolve));
    },
    onRejected: (each, { reason }) => calls.push(`rejected ${each.metadata.name} ${reason}`),
    onReconcile: () => undefined,
    onMirror: ({ kind, pod: each }) => calls.push(`mirror ${kind} ${each.metadata.name}`),
    onRemoved: (each) => calls.push(`gone ${each.metadata.name}`),
    housekeeping: () => calls.push('housekeeping'),
    faults: {
      report: (part, error, about) =>
        calls.push(
          `${part} failed${about === undefined ? '' : ` over ${String(about.name)}`}: ${messageOf(error)}`,
        ),
    },
    observer: { event: () => undefined, iteration: () => undefined },
  });
  const controller = new AbortController();
  const done = loop.run(controller.signal);
  return {
    queue,
    calls,
    admitted,
    ready,
    nodeIsRead: () => {
      nodeIsRead();
    },
    stop: () => {
      controller.abort();
      return done;
    },
  };
}

const named = (name: string, change: Parameters<typeof pod>[0] = {}): Pod =>
  pod({ ...change, metadata: { name, uid: name, ...change.metadata } });

describe('sync loop', () => {
  it('goes on when an exception is about one pod, whose newest change it tries again', async () => {
    let isBroken = true;
    const { queue, calls, ready, stop } = setUp((each) => {
      if (isBroken && each.metadata.name === 'odd') throw new TypeError('no such quantity');
      return { kind: 'admitted' };
    });
    ready();
    queue.config([
      { kind: 'add', pod: named('odd') },
      { kind: 'add', pod: named('plain') },
    ]);
    await settle();
    assert.deepEqual(calls, ['sync-loop failed over odd: no such quantity', 'update plain']);
    calls.length = 0;
    isBroken = false;
    queue.config([{ kind: 'update', pod: named('odd') }]);
    await settle();
    assert.deepEqual(calls, ['update odd'], 'it is admitted first, although the change is an update');
    calls.length = 0;
    isBroken = true;
    queue.config([{ kind: 'add', pod: named('odd', { metadata: { uid: 'other' } }) }]);
    await settle();
    isBroken = false;
    queue.housekeeping();
    await settle();
    assert.deepEqual(calls, ['sync-loop failed over odd: no such quantity', 'update odd', 'housekeeping']);
    await stop();
  });

  it('leaves others their turn between the changes of many pods', async () => {
    const { queue, calls, ready, stop } = setUp();
    ready();
    await settle();
    queue.config(Array.from({ length: 50 }, (_, index) => ({ kind: 'add', pod: named(`p${index}`) })));
    const seen: number[] = [];
    for (let turn = 0; turn < 20; turn += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      seen.push(calls.length);
    }
    const most = Math.max(...seen.map((all, turn) => all - (seen[turn - 1] ?? 0)));
    assert.ok(most <= 10, `${most} pods in one turn`);
    assert.equal(calls.length, 50);
    queue.config(Array.from({ length: 50 }, (_, index) => ({ kind: 'add', pod: named(`q${index}`) })));
    await Promise.resolve();
    await stop();
    await settle();
    assert.equal(calls.length, 50, 'nothing is begun once it has ended');
  });

  it('of nodes that have housekeeping and pods due on the same tick each has a turn of its own', async () => {
    const nodes = Array.from({ length: 8 }, () => setUp());
    for (const { ready } of nodes) ready();
    await settle();
    for (const { queue } of nodes) {
      queue.due('a');
      queue.due('b');
      queue.housekeeping();
    }
    const calls = (): number => nodes.reduce((all, node) => all + node.calls.length, 0);
    const seen: number[] = [];
    for (let turn = 0; turn < 20; turn += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      seen.push(calls());
    }
    assert.equal(seen.at(-1), 8 * 3);
    const most = Math.max(...seen.map((all, turn) => all - (seen[turn - 1] ?? 0)));
    assert.ok(most <= 3, `${most} calls in one turn`);
    for (const { stop } of nodes) await stop();
  });

  it('shows a worker a mere status where readiness gates go by it, or where the pod is over', async () => {
    const { queue, calls, ready, stop } = setUp();
    ready();
    const spec = { readinessGates: [{ conditionType: 'example.com/routed' }] };
    queue.config(['gated', 'plain', 'over'].map((name) => ({ kind: 'add', pod: named(name, { spec }) })));
    await settle();
    calls.length = 0;
    const running = { phase: 'Running' };
    queue.config([
      { kind: 'reconcile', pod: named('gated', { spec, status: running }) },
      { kind: 'reconcile', pod: named('plain', { status: running }) },
      { kind: 'reconcile', pod: named('over', { status: { phase: 'Failed' } }) },
    ]);
    await settle();
    assert.deepEqual(calls, ['update gated', 'update over']);
    await stop();
  });

  it('reads the node again for a pod that only its labels keep away', async () => {
    const otherwise = { reason: 'NodeAffinity', message: 'no' } as const;
    const { queue, calls, ready, nodeIsRead, stop } = setUp((_, { nodeIsFresh }) =>
      nodeIsFresh ? { kind: 'refused', ...otherwise } : { kind: 'waits', waitsFor: 'node', otherwise },
    );
    ready();
    queue.config([{ kind: 'add', pod: named('a') }]);
    await settle();
    queue.config([{ kind: 'update', pod: named('a') }]);
    queue.housekeeping();
    await settle();
    nodeIsRead();
    await settle();
    assert.deepEqual(
      calls.filter((call) => call !== 'housekeeping' && !call.startsWith('wake')),
      ['the Node is read', 'rejected a NodeAffinity'],
    );
    await stop();
  });

  it('lets a critical pod in once there is room, and one that is deleted before that go', async () => {
    let room = false;
    const { queue, calls, ready, stop } = setUp(() =>
      room
        ? { kind: 'admitted' }
        : { kind: 'waits', waitsFor: 'victims', victims: [named('victim')], shortOf: 'cpu' },
    );
    ready();
    queue.config([
      { kind: 'add', pod: named('a') },
      { kind: 'add', pod: named('b') },
    ]);
    await settle();
    const deletionTimestamp = '2026-01-01T00:00:00Z';
    queue.config([{ kind: 'delete', pod: named('b', { metadata: { deletionTimestamp } }) }]);
    await settle();
    room = true;
    queue.housekeeping();
    await settle();
    assert.deepEqual(
      calls.filter((call) => call !== 'housekeeping'),
      ['victim makes room for cpu', 'victim makes room for cpu', 'update b', 'update a'],
    );
    await stop();
  });

  it('does nothing before every source has reported', async () => {
    const { queue, calls, ready, stop } = setUp();
    queue.config([{ kind: 'add', pod: named('a') }]);
    await settle();
    assert.deepEqual(calls, []);
    ready();
    await settle();
    assert.deepEqual(calls, ['update a']);
    await stop();
  });

  it('admits new pods against those that are active, and tells the workers', async () => {
    const { queue, calls, admitted, ready, stop } = setUp();
    ready();
    queue.config([{ kind: 'add', pod: named('a') }]);
    queue.config([{ kind: 'add', pod: named('b') }]);
    await settle();
    queue.config([{ kind: 'delete', pod: named('a') }]);
    queue.due('b');
    queue.hostChanged();
    await settle();
    queue.config([{ kind: 'remove', pod: named('a') }]);
    queue.housekeeping();
    await settle();
    assert.deepEqual(admitted, [['a'], ['b', 'a']]);
    assert.deepEqual(calls, [
      'update a',
      'update b',
      'update a',
      'wake all',
      'wake b',
      'remove a',
      'gone a',
      'housekeeping',
    ]);
    await stop();
  });

  it('gives a rejected pod no worker until it is deleted', async () => {
    const { queue, calls, ready, stop } = setUp(() => ({
      kind: 'refused',
      reason: 'OutOfcpu',
      message: 'no',
    }));
    ready();
    queue.config([{ kind: 'add', pod: named('a') }]);
    await settle();
    queue.config([{ kind: 'update', pod: named('a') }]);
    await settle();
    queue.config([
      { kind: 'delete', pod: named('a', { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } }) },
    ]);
    await settle();
    assert.deepEqual(calls, ['rejected a OutOfcpu', 'update a']);
    await stop();
  });

  it('does not admit again what is terminal or leaving', async () => {
    const { queue, admitted, ready, stop } = setUp();
    ready();
    queue.config([
      { kind: 'add', pod: named('a', { status: { phase: 'Failed' } }) },
      { kind: 'add', pod: named('b', { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } }) },
    ]);
    await settle();
    assert.deepEqual(admitted, []);
    await stop();
  });
});

describe('a resize', () => {
  it('waits for room, and workers are handed what was granted', async () => {
    const calls: string[] = [];
    const granted = new Set<string>();
    let room = false;
    const queue = new SyncQueue();
    const cpuOf = ({ spec }: Pod): string => spec.containers[0]?.resources?.requests?.cpu ?? '';
    const asking = (cpu: string): Pod =>
      named('a', { spec: { containers: [{ name: 'c', resources: { requests: { cpu } } }] } });
    const loop = new SyncLoop({
      ...bench(),
      queue,
      workers: {
        update: (each) => calls.push(`update with ${cpuOf(each)}`),
        remove: () => undefined,
        wake: () => undefined,
        wakeAll: () => undefined,
        state: () => ({ at: 'syncing', pod: asking('1') }),
      },
      allocations: {
        admit: () => ({ kind: 'admitted' }),
        offer: (each) => calls.push(`asks for ${cpuOf(each)}`),
        granted: (each) => (granted.has(each.metadata.uid) ? each : asking('1')),
        retryResizes: (find) => {
          const found = find('a');
          if (!room || found === undefined || granted.has('a')) return [];
          granted.add('a');
          return [found];
        },
      },
    });
    const stop = new AbortController();
    const done = loop.run(stop.signal);
    queue.config([{ kind: 'add', pod: asking('1') }]);
    await settle();
    queue.config([{ kind: 'update', pod: asking('2') }]);
    await settle();
    room = true;
    queue.housekeeping();
    await settle();
    assert.deepEqual(calls, ['asks for 1', 'update with 1', 'asks for 2', 'update with 1', 'update with 2']);
    stop.abort();
    await done;
  });
});

describe('orphan watch', () => {
  const ref = (uid: string): { uid: string; name: string; namespace: string } => ({
    uid,
    name: uid,
    namespace: 'default',
  });

  it('names a pod only when nobody knows it for two rounds', () => {
    const watch = new OrphanWatch();
    assert.deepEqual(
      watch.next([ref('a'), ref('b')], (uid) => uid === 'b'),
      [],
    );
    assert.deepEqual(
      watch.next([ref('a')], () => true),
      [],
      'known in between',
    );
    assert.deepEqual(
      watch.next([ref('a')], () => false),
      [],
    );
    assert.deepEqual(
      watch.next([ref('a')], () => false),
      [ref('a')],
    );
  });

  it('names one that stays ever more seldom, down to once a minute', () => {
    const watch = new OrphanWatch();
    const first: string[] = [];
    const named = Array.from({ length: 100 }, (_, round) =>
      watch.next(
        [ref('a')],
        () => false,
        ({ uid }) => first.push(uid),
      ).length > 0
        ? round + 1
        : 0,
    );
    assert.deepEqual(first, ['a'], 'counted once');
    assert.deepEqual(
      named.filter((round) => round > 0),
      [2, 4, 8, 16, 32, 64, 96],
    );
  });
});
