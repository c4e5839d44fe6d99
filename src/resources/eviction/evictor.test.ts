import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { evictionThresholds } from '../../model/eviction-thresholds.ts';
import type { Pod } from '../../model/kube.ts';
import type { KillOrder } from '../../model/pod-update.ts';
import { FakeEvents, FakeFiles } from '../../testing/fake-host.ts';
import { FakeClock, pod, quietLog } from '../../testing/fixtures.ts';
import { Evictor } from './evictor.ts';
import type { PodUse } from './usage.ts';

const { signal } = new AbortController();
const layout = { rootDir: '/r', imageMount: '/r', imageFs: undefined, split: false };

function setUp(options: { hard?: Record<string, string>; soft?: Record<string, string>; pods: Pod[] }) {
  const files = new FakeFiles();
  const clock = new FakeClock();
  const events = new FakeEvents();
  const killed = new Map<string, KillOrder>();
  const told: string[] = [];
  const uses = new Map<string, PodUse>(
    options.pods.map(({ metadata: { uid } }) => [
      uid,
      { memoryBytes: 1, processes: 1, containers: [], volumes: new Map([['v', { bytes: 100, inodes: 1 }]]) },
    ]),
  );
  const reclaimed: string[] = [];
  const set = (path: string, availableBytes: number): void => {
    files.seen.set(`usage ${path}`, {
      usage: { capacityBytes: 1000, availableBytes, inodes: 0, inodesFree: 0 },
    });
  };
  set('/r', 500);
  let onReclaim = (): void => undefined;
  const evictor = new Evictor({
    files: files.files,
    layout: () => Promise.resolve(layout),
    usage: { read: () => Promise.resolve(uses) },
    thresholds: evictionThresholds({
      evictionHard: options.hard ?? {},
      evictionSoft: options.soft ?? {},
      evictionSoftGracePeriod: { 'nodefs.available': 1 },
      evictionMinimumReclaim: {},
    }),
    transitionMs: 300_000,
    maxPodGraceSeconds: 5,
    clock,
    log: quietLog,
    events,
    node: { kind: 'Node', name: 'n' },
    activePods: () => options.pods.filter(({ metadata }) => !killed.has(metadata.uid)),
    kill: (uid, order) => {
      killed.set(uid, order);
    },
    isStopped: (uid) => killed.has(uid),
    isOver: (uid) => killed.has(uid),
    reclaim: {
      containers: () => {
        reclaimed.push('containers');
        return Promise.resolve();
      },
      images: () => {
        reclaimed.push('images');
        onReclaim();
        return Promise.resolve();
      },
    },
    onPressure: () => {
      told.push(evictor.pressures().join());
    },
    onEvicted: (by) => {
      told.push(by);
    },
  });
  const check = async (): Promise<void> => {
    await evictor.take(await files.files.look(await evictor.queries({ signal }), { signal }), { signal });
  };
  return {
    check,
    set,
    killed,
    told,
    events,
    reclaimed,
    clock,
    whenReclaimed: (then: () => void) => {
      onReclaim = then;
    },
  };
}

const one = (name: string, spec: Partial<Pod['spec']> = {}): Pod =>
  pod({ metadata: { uid: name, name }, spec });

describe('the evictor', () => {
  it('reclaims first, and evicts nobody if that is enough', async () => {
    const { check, set, killed, told, events, reclaimed, whenReclaimed } = setUp({
      hard: { 'nodefs.available': '10%' },
      pods: [one('a')],
    });
    set('/r', 50);
    whenReclaimed(() => {
      set('/r', 200);
    });
    await check();
    assert.deepEqual([reclaimed, killed.size, told], [['containers', 'images'], 0, ['DiskPressure']]);
    assert.match(
      events.seen[0] ?? '',
      /^Warning EvictionThresholdMet.*Attempting to reclaim ephemeral-storage$/,
    );
  });

  it('evicts one pod after the other until it is enough, but no critical one', async () => {
    const pods = [
      one('critical', { priority: 2e9 }),
      one('a'),
      one('b', { priority: 5 }),
      one('c', { priority: 9 }),
    ];
    const { check, set, killed, told, events } = setUp({ hard: { 'nodefs.available': '10%' }, pods });
    set('/r', 50);
    const after = killed.set.bind(killed);
    killed.set = (uid, order) => {
      if (killed.size === 1) set('/r', 200);
      return after(uid, order);
    };
    await check();
    assert.deepEqual([...killed.keys()], ['a', 'b']);
    assert.deepEqual(told, ['DiskPressure', 'nodefs.available', 'nodefs.available']);
    const { graceSeconds, status } = killed.get('a') ?? {};
    assert.equal(graceSeconds, 1);
    assert.deepEqual([status?.phase, status?.reason], ['Failed', 'Evicted']);
    assert.equal(status?.conditions?.[0]?.reason, 'TerminationByKubelet');
    assert.deepEqual(
      events.annotations.map((each) => each.starved_resource),
      ['ephemeral-storage', 'ephemeral-storage'],
    );
  });

  it('gives pods their grace, up to the most allowed, under a soft threshold', async () => {
    const { check, set, killed, clock } = setUp({
      soft: { 'nodefs.available': '10%' },
      pods: [one('a', { terminationGracePeriodSeconds: 30 })],
    });
    set('/r', 50);
    await check();
    assert.equal(killed.size, 0);
    await clock.advance(10_000);
    const second = check();
    await clock.advance(1_000);
    await second;
    assert.equal(killed.get('a')?.graceSeconds, 5);
  });

  it('evicts who breaks a limit of its own, without naming a disruption', async () => {
    const volumes = [{ name: 'v', emptyDir: { sizeLimit: '99' } }];
    const { check, killed, told, events } = setUp({ pods: [one('a', { volumes }), one('b')] });
    await check();
    assert.deepEqual([...killed.keys()], ['a']);
    assert.deepEqual(told, ['emptydirfs.limit']);
    assert.deepEqual(events.annotations, []);
    assert.deepEqual(killed.get('a')?.status, {
      phase: 'Failed',
      reason: 'Evicted',
      message: 'Usage of EmptyDir volume "v" exceeds the limit "99". ',
    });
  });
});
