import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FarletError, messageOf } from '../../model/errors.ts';
import type { Pod } from '../../model/kube.ts';
import type { SyncOutcome } from '../../model/pod-update.ts';
import { FakeClock, pod, quietLog, settle } from '../../testing/fixtures.ts';
import { FewAtOnce } from '../../util/few-at-once.ts';
import type { PodSyncer } from './pod-syncer.ts';
import { PodWorkers } from './pod-workers.ts';

/** Records each step; a test scripts what syncs answer. */
class ScriptedSyncer implements PodSyncer {
  readonly steps: string[] = [];
  /** UIDs, for each sync */
  readonly pods: string[] = [];
  outcomes: (SyncOutcome | ((signal: AbortSignal) => Promise<SyncOutcome>))[] = [];
  running = 0;
  overlapped = false;

  async syncPod({ metadata }: Pod, { signal }: { signal: AbortSignal }): Promise<SyncOutcome> {
    this.pods.push(metadata.uid);
    return this.#step('sync', async () => {
      const next = this.outcomes.shift() ?? { kind: 'settled' };
      return typeof next === 'function' ? next(signal) : next;
    });
  }
  async stopPod(_pod: unknown, options: { graceSeconds: number }): Promise<void> {
    await this.#step(`stop ${options.graceSeconds}`, () => Promise.resolve());
  }
  async finishPod(): Promise<void> {
    await this.#step('finish', () => Promise.resolve());
  }
  async stopOrphan(ref: { uid: string }): Promise<void> {
    await this.#step(`orphan ${ref.uid}`, () => Promise.resolve());
  }
  async #step<T>(name: string, work: () => Promise<T>): Promise<T> {
    this.steps.push(name);
    this.running += 1;
    this.overlapped ||= this.running > 1;
    try {
      return await work();
    } finally {
      this.running -= 1;
    }
  }
}

function setUp(): {
  workers: PodWorkers;
  syncer: ScriptedSyncer;
  clock: FakeClock;
  due: string[];
  kinds: string[];
  started: string[];
  faults: string[];
  /** pods that run no more */
  died: Set<string>;
  stop: AbortController;
} {
  const syncer = new ScriptedSyncer();
  const clock = new FakeClock();
  const due: string[] = [];
  const kinds: string[] = [];
  const started: string[] = [];
  const faults: string[] = [];
  const died = new Set<string>();
  const stop = new AbortController();
  const workers = new PodWorkers({
    untilRound: (ms) => ms,
    clock,
    log: quietLog,
    faults: {
      report: (part, error, about) => faults.push(`${part} ${String(about?.name)}: ${messageOf(error)}`),
    },
    signal: stop.signal,
    runtimeHolds: () => false,
    isUp: ({ metadata: { uid } }) => uid.startsWith('ran') && !died.has(uid),
    takingUp: new FewAtOnce({ few: 2, patienceMs: 20, clock }),
    onDue: (uid) => {
      due.push(uid);
      workers.wake(uid);
    },
    onStep: (kind) => kinds.push(kind),
    onStarted: ({ metadata }) => started.push(metadata.uid),
    onRestarted: ({ metadata }) => started.push(`${metadata.uid} again`),
  });
  workers.attach(syncer);
  return { workers, syncer, clock, due, kinds, started, faults, died, stop };
}

const gone = pod({ metadata: { deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 4 } });

/** A step that lasts until it is interrupted. */
const untilAborted = (signal: AbortSignal): Promise<SyncOutcome> =>
  new Promise((_, reject) => {
    signal.addEventListener('abort', () => {
      reject(signal.reason as Error);
    });
  });

describe('the load of the workers', () => {
  it('is the steps under way and the pods that wait, with the age of the oldest', async () => {
    const { workers, syncer, clock, stop } = setUp();
    const step = Promise.withResolvers<SyncOutcome>();
    syncer.outcomes = [() => step.promise];
    workers.update(pod());
    await clock.advance(5_000);
    const { uid } = pod().metadata;
    workers.remove(uid);
    workers.update(pod());
    await clock.advance(2_000);
    const { busy, resting, waiting, oldestBusySeconds, oldestWaitingSeconds } = workers.load();
    assert.deepEqual({ busy, resting, waiting }, { busy: 1, resting: 0, waiting: 1 });
    assert.deepEqual([oldestBusySeconds, oldestWaitingSeconds], [7, 2]);
    step.resolve({ kind: 'settled' });
    await settle();
    await clock.advance(5_000);
    const rests = { busy: 0, resting: 1, waiting: 0, oldestBusySeconds: 0, oldestWaitingSeconds: 0 };
    assert.deepEqual(workers.load(), rests);
    stop.abort();
  });
});

describe('pod workers', () => {
  it('syncs again at once after acting, then rests until the resync', async () => {
    const { workers, syncer, clock, due, kinds } = setUp();
    syncer.outcomes = [{ kind: 'acted' }];
    workers.update(pod());
    await settle();
    assert.deepEqual(syncer.steps, ['sync', 'sync']);
    assert.deepEqual(kinds, ['create', 'sync']);
    await clock.advance(59_000);
    assert.deepEqual(due, []);
    await clock.advance(31_000);
    assert.deepEqual(due, ['uid-web']);
  });

  it('tells of an exception that nobody expected, and goes on with the pod', async () => {
    const { workers, syncer, clock, faults } = setUp();
    syncer.outcomes = [
      () => Promise.reject(new TypeError('x is undefined')),
      () => Promise.reject(new FarletError('unavailable', 'the host is away')),
    ];
    workers.update(pod());
    await settle();
    await clock.advance(15_000);
    await clock.advance(15_000);
    assert.deepEqual(faults, ['pod-worker web: x is undefined']);
    assert.deepEqual(syncer.steps, ['sync', 'sync', 'sync']);
  });

  it('tells once of each pod that is to run', async () => {
    const { workers, started } = setUp();
    workers.update(pod());
    workers.update(pod({ metadata: { labels: { a: 'b' } } }));
    workers.update({ ...gone, metadata: { ...gone.metadata, uid: 'leaving' } });
    await settle();
    assert.deepEqual(started, ['uid-web']);
  });

  it('lets a deletion overtake a sync that hangs', async () => {
    const { workers, syncer } = setUp();
    syncer.outcomes = [untilAborted];
    workers.update(pod());
    await settle();
    workers.update(gone);
    await settle();
    assert.deepEqual(syncer.steps, ['sync', 'stop 4', 'finish']);
    assert.equal(syncer.overlapped, false);
  });

  it('coalesces updates that arrive during a step into one more step', async () => {
    const { workers, syncer } = setUp();
    let release: (outcome: SyncOutcome) => void = () => undefined;
    syncer.outcomes = [() => new Promise<SyncOutcome>((resolve) => (release = resolve))];
    workers.update(pod());
    await settle();
    for (let i = 0; i < 5; i += 1) workers.update(pod({ metadata: { labels: { i: String(i) } } }));
    release({ kind: 'settled' });
    await settle();
    assert.deepEqual(syncer.steps, ['sync', 'sync']);
  });

  it('does not let one pod that hangs delay another', async () => {
    const { workers, syncer, stop } = setUp();
    syncer.outcomes = [untilAborted];
    workers.update(pod());
    workers.update(pod({ metadata: { uid: 'other', name: 'other' } }));
    await settle();
    assert.deepEqual(syncer.steps, ['sync', 'sync']);
    stop.abort(new FarletError('cancelled', 'shutdown'));
    await workers.idle();
  });

  it('stops what a terminal sync leaves, finishes once, and forgets it when its object goes', async () => {
    const { workers, syncer } = setUp();
    syncer.outcomes = [{ kind: 'terminal', order: { graceSeconds: 3 } }];
    workers.update(pod());
    await settle();
    assert.deepEqual(syncer.steps, ['sync', 'stop 3', 'finish']);
    assert.equal(workers.state('uid-web')?.at, 'finished');
    workers.wake('uid-web');
    await settle();
    assert.equal(syncer.steps.length, 3);
    workers.remove('uid-web');
    assert.equal(workers.state('uid-web'), undefined);
  });

  it('retries a step that throws after ten to fifteen seconds, or as soon as it is woken', async () => {
    const { workers, syncer, clock } = setUp();
    const boom = (): Promise<SyncOutcome> => Promise.reject(new Error('boom'));
    syncer.outcomes = [boom, boom];
    workers.update(pod());
    await clock.advance(9_900);
    assert.equal(syncer.steps.length, 1);
    await clock.advance(5_200);
    assert.equal(syncer.steps.length, 2);
    workers.wakeAll();
    await settle();
    assert.equal(syncer.steps.length, 3);
  });

  it('stops an orphan once, however often it is named, and never one that has a worker', async () => {
    const { workers, syncer } = setUp();
    workers.update(pod());
    workers.stopOrphan({ uid: 'uid-web', name: 'web', namespace: 'default' });
    workers.stopOrphan({ uid: 'lost', name: 'lost', namespace: 'default' });
    workers.stopOrphan({ uid: 'lost', name: 'lost', namespace: 'default' });
    assert.deepEqual(workers.working().at(-1), {
      lifecycle: 'terminating',
      config: 'runtime_only',
      static: 'unknown',
    });
    await settle();
    assert.deepEqual(
      syncer.steps.filter((step) => step.startsWith('orphan')),
      ['orphan lost'],
    );
  });

  it('leaves no timer behind once the pod is forgotten', async () => {
    const { workers, clock } = setUp();
    workers.update(pod());
    await settle();
    assert.equal(clock.timers, 1);
    workers.update(gone);
    await settle();
    workers.remove('uid-web');
    assert.equal(clock.timers, 0);
  });

  it('runs static pods of one name strictly one after the other', async () => {
    const { workers, syncer } = setUp();
    const first = pod({ metadata: { uid: 'one', annotations: { 'kubernetes.io/config.source': 'file' } } });
    const second = pod({ metadata: { uid: 'two', annotations: { 'kubernetes.io/config.source': 'file' } } });
    workers.update(first);
    await settle();
    workers.remove('one');
    workers.update(second);
    assert.equal(workers.state('two'), undefined, 'waits');
    assert.equal(workers.holdsName('web_default'), true);
    await settle();
    assert.deepEqual(syncer.steps, ['sync', 'stop 30', 'finish', 'sync']);
    assert.equal(syncer.overlapped, false);
    assert.equal(workers.state('two')?.at, 'syncing');
  });

  it('starts a UID again that was removed and came back while it was stopping', async () => {
    const { workers, syncer, started } = setUp();
    workers.update(pod());
    await settle();
    workers.remove('uid-web');
    assert.deepEqual(workers.working(), [{ lifecycle: 'terminating', config: 'orphan', static: '' }]);
    workers.update(pod());
    workers.update(pod());
    await settle();
    assert.deepEqual(syncer.steps, ['sync', 'stop 30', 'finish', 'sync']);
    assert.equal(workers.state('uid-web')?.at, 'syncing');
    assert.deepEqual(started, ['uid-web', 'uid-web again', 'uid-web']);
    assert.deepEqual(workers.working(), [{ lifecycle: 'sync', config: 'desired', static: '' }]);
  });

  it('forgets a waiting pod that was removed before its turn', async () => {
    const { workers, syncer } = setUp();
    workers.update(pod());
    await settle();
    workers.remove('uid-web');
    workers.update(pod());
    workers.remove('uid-web');
    await settle();
    assert.deepEqual(syncer.steps, ['sync', 'stop 30', 'finish']);
    assert.equal(workers.state('uid-web'), undefined);
  });

  describe('that ran before farlet did', () => {
    const ran = (name: string, change: Partial<Pod['metadata']> = {}): Pod =>
      pod({ metadata: { ...change, uid: `ran-${name}`, name } });
    const hang = (): Promise<SyncOutcome> => Promise.withResolvers<SyncOutcome>().promise;

    it('are taken up a few at a time, and a new pod at once', async () => {
      const { workers, syncer, clock } = setUp();
      const steps = () => syncer.pods;
      const first = Promise.withResolvers<SyncOutcome>();
      syncer.outcomes = [() => first.promise, hang];
      for (const name of ['a', 'b', 'c', 'd']) workers.update(ran(name));
      workers.update(pod());
      await settle();
      assert.deepEqual(steps(), ['ran-a', 'ran-b', 'uid-web']);
      first.resolve({ kind: 'settled' });
      await settle();
      assert.deepEqual(steps().slice(3), ['ran-c', 'ran-d']);
      assert.equal(clock.timers, 4, 'all but the one that hangs rest');
    });

    it('see in their first sync what they were woken for before', async () => {
      const { workers, syncer, clock } = setUp();
      syncer.outcomes = [hang, hang];
      for (const name of ['a', 'b', 'c']) workers.update(ran(name));
      workers.wake('ran-c');
      workers.wakeAll();
      await settle();
      assert.deepEqual(syncer.pods, ['ran-a', 'ran-b']);
      await clock.advance(20);
      assert.deepEqual(syncer.pods.slice(2), ['ran-c']);
    });

    it('are seen to at once when there is more to do than that', async () => {
      const { workers, syncer } = setUp();
      syncer.outcomes = [hang, hang];
      for (const name of ['a', 'b', 'changed', 'evicted', 'gone']) workers.update(ran(name));
      workers.update(ran('changed', { labels: { tier: 'web' } }));
      workers.kill('ran-evicted', {});
      workers.remove('ran-gone');
      await settle();
      assert.deepEqual(syncer.steps.slice(2).sort(), ['finish', 'finish', 'stop 30', 'stop 30', 'sync']);
      assert.equal(workers.state('ran-gone'), undefined);
    });

    it('are seen to at once when they run no more, and before those that do', async () => {
      const { workers, syncer, died } = setUp();
      syncer.outcomes = [hang, hang];
      died.add('ran-dead');
      for (const name of ['a', 'b', 'dies', 'runs', 'dead']) workers.update(ran(name));
      died.add('ran-dies');
      workers.wakeAll();
      await settle();
      assert.deepEqual(syncer.pods.slice(2), ['ran-dead', 'ran-dies', 'ran-dead']);
    });

    it('wait to begin, as is told', async () => {
      const { workers, syncer, clock } = setUp();
      syncer.outcomes = [hang, hang, hang];
      for (const name of ['a', 'b', 'c', 'd']) workers.update(ran(name));
      await clock.advance(20);
      const { busy, resting, waiting, oldestWaitingSeconds } = workers.load();
      assert.deepEqual([busy, resting, waiting, oldestWaitingSeconds], [3, 0, 1, 0.02]);
    });

    it('leave their place when they go, and come again as any other', async () => {
      const { workers, syncer, clock } = setUp();
      syncer.outcomes = [hang, hang];
      for (const name of ['a', 'b', 'c']) workers.update(ran(name));
      workers.remove('ran-c');
      await settle();
      assert.equal(workers.state('ran-c'), undefined);
      assert.equal(clock.timers, 0);
      workers.update(ran('c'));
      await clock.advance(20);
      assert.deepEqual(syncer.pods.slice(2), ['ran-c']);
    });

    it('begin once each', async () => {
      const { workers, syncer, clock } = setUp();
      syncer.outcomes = [hang, hang];
      for (const name of ['a', 'b', 'changed']) workers.update(ran(name));
      workers.update(ran('changed', { labels: { tier: 'web' } }));
      await settle();
      await clock.advance(40);
      assert.deepEqual(syncer.pods, ['ran-a', 'ran-b', 'ran-changed']);
    });

    it('but are over or to end are not kept waiting', async () => {
      const { workers, syncer } = setUp();
      syncer.outcomes = [hang, hang];
      for (const name of ['a', 'b']) workers.update(ran(name));
      workers.update(ran('leaving', { ...gone.metadata }));
      await settle();
      assert.deepEqual(syncer.steps.slice(2), ['stop 4', 'finish']);
    });
  });
});
