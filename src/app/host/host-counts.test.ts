import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { HostFiles } from '../../hosts/link/link.ts';
import { FarletError } from '../../model/errors.ts';
import type { Pod } from '../../model/kube.ts';
import { annotations } from '../../model/labels.ts';
import type { SyncOutcome } from '../../model/pod-update.ts';
import { PodVolumes } from '../../pods/volumes/pod-volumes.ts';
import type { ReadyVolume } from '../../pods/volumes/ready-volume.ts';
import { RuntimeCache } from '../../runtime/observed/runtime-cache.ts';
import { activePods } from '../../sync/active-pods.ts';
import { PodTable } from '../../sync/pod-table.ts';
import { PodWorkers } from '../../sync/workers/pod-workers.ts';
import { FakeEvents } from '../../testing/fake-host.ts';
import { container, FakeClock, pod, quietLog, sandbox, settle } from '../../testing/fixtures.ts';
import { FewAtOnce } from '../../util/few-at-once.ts';
import { HostCounter, type HostCounts } from './host-counts.ts';

const ready: ReadyVolume = {
  mounted: {
    ...{ hostPath: '/e', readOnly: false, managed: true, specName: 'e', isDevice: false },
    gid: undefined,
  },
  written: undefined,
  renewAt: undefined,
};

/** A host's pods as farlet holds them, of which the runtime and the disk do as they are told. */
class World {
  readonly clock = new FakeClock();
  readonly stop = new AbortController();
  readonly table = new PodTable();
  readonly cache = new RuntimeCache({ clock: this.clock });
  readonly workers = new PodWorkers({
    untilRound: (ms) => ms,
    clock: this.clock,
    log: quietLog,
    faults: { report: () => undefined },
    signal: this.stop.signal,
    runtimeHolds: () => false,
    isUp: () => false,
    takingUp: new FewAtOnce({ few: 1, patienceMs: 20, clock: this.clock }),
    onDue: () => undefined,
    onStep: () => undefined,
  });
  readonly activePods = (): Pod[] => activePods(this);
  readonly volumes: PodVolumes;
  readonly counter: HostCounter;
  outcome: SyncOutcome = { kind: 'settled' };
  mounts = true;

  constructor() {
    this.workers.attach({
      syncPod: () => Promise.resolve(this.outcome),
      stopPod: () => Promise.resolve(),
      finishPod: () => Promise.resolve(),
      stopOrphan: () => Promise.resolve(),
    });
    const files: Partial<HostFiles> = {
      apply: () => Promise.resolve(),
      list: () => Promise.resolve([]),
    };
    this.volumes = new PodVolumes({
      files: files as HostFiles,
      paths: { rootDir: '/r', podLogsDir: '/l', containerLogsDir: '/c' },
      sources: { claim: () => Promise.resolve({}), persistentVolume: () => Promise.resolve({}) },
      mounter: {
        setUp: () =>
          this.mounts ? Promise.resolve(ready) : Promise.reject(new FarletError('internal', 'disk full')),
      },
      events: new FakeEvents(),
      clock: this.clock,
      signal: this.stop.signal,
      observe: () => undefined,
      onReady: () => undefined,
    });
    this.counter = new HostCounter(this);
  }

  anew(): HostCounts {
    return new HostCounter(this).counts();
  }
}

function podOf(uid: string, source: string): Pod {
  return pod({
    metadata: { uid, name: uid, annotations: { [annotations.configSource]: source } },
    spec: {
      volumes: [{ name: 'e', emptyDir: {} }],
      containers: [{ name: 'c', volumeMounts: [{ name: 'e', mountPath: '/e' }] }],
    },
  });
}

type Step = (world: World, uid: string) => unknown;

const signal = AbortSignal.any([]);
const ref = (uid: string) => ({ uid, name: uid, namespace: 'default' });
const seen =
  (ready: boolean, state: 'created' | 'running' | 'exited'): Step =>
  ({ cache }, uid) =>
    cache.merge({
      pod: ref(uid),
      sandboxes: [sandbox({ id: `s-${uid}`, ready })],
      containers: [container({ id: `c-${uid}`, state })],
    });
const sandboxSeen =
  (ready: boolean): Step =>
  ({ cache }, uid) =>
    cache.merge({ pod: ref(uid), sandboxes: [sandbox({ id: `s-${uid}`, ready })], containers: [] });
const mounted =
  (mounts: boolean, hasSandbox: boolean): Step =>
  async (world, uid) => {
    world.mounts = mounts;
    const done = world.volumes.mount(podOf(uid, 'api'), { signal: world.stop.signal, hasSandbox });
    done.catch(() => undefined);
    await settle();
  };

const steps: Readonly<Record<string, Step>> = {
  'a pod of the API server comes': ({ table }, uid) => {
    table.set(podOf(uid, 'api'));
  },
  'a static pod comes': ({ table }, uid) => {
    table.set(podOf(uid, 'file'));
  },
  'a pod is refused': ({ table }, uid) => {
    table.reject(uid);
  },
  'a pod goes': ({ table }, uid) => {
    table.delete(uid);
  },
  'a worker gets a pod': ({ table, workers }, uid) => {
    workers.update(table.get(uid) ?? podOf(uid, 'api'));
  },
  'a worker is told that a pod is gone': ({ workers }, uid) => {
    workers.remove(uid);
  },
  'a pod is over': (world, uid) => {
    world.outcome = { kind: 'terminal', order: {} };
    world.workers.wake(uid);
    world.outcome = { kind: 'settled' };
  },
  'a pod is evicted': ({ workers }, uid) => {
    workers.kill(uid, {});
  },
  'only the runtime has a pod': ({ workers }, uid) => {
    workers.stopOrphan(ref(uid));
  },
  'a sandbox runs': sandboxSeen(true),
  'a sandbox has ended': sandboxSeen(false),
  'a container is made': seen(true, 'created'),
  'a container runs': seen(true, 'running'),
  'all of a pod has ended': seen(false, 'exited'),
  'farlet stops a sandbox': ({ cache }, uid) => {
    cache.stopped(uid, `s-${uid}`);
  },
  'a container is removed': ({ cache }, uid) => cache.removed(uid, `c-${uid}`),
  'a list has nothing of a pod': ({ cache, clock }, uid) =>
    cache.reconcile(uid, new Set(), clock.monotonic() + 1),
  'volumes are mounted': mounted(true, true),
  'volumes can not be mounted': mounted(false, true),
  'volumes are to be made again': mounted(false, false),
  'volumes are unmounted': async ({ volumes }, uid) => {
    await volumes.unmount(uid, { signal });
  },
  'time passes': async ({ clock }) => {
    await clock.advance(700);
  },
  'what is under way ends': () => settle(),
};

describe('the counts of a host', () => {
  it('are what counting anew would tell, whatever happens', async () => {
    const step = fc.tuple(fc.constantFrom(...Object.keys(steps)), fc.constantFrom('a', 'b'));
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (course) => {
        const world = new World();
        for (const [name, uid] of course) {
          await steps[name]?.(world, uid);
          assert.deepEqual(world.counter.counts(), world.anew(), name);
        }
        world.stop.abort(new FarletError('cancelled', 'the test is over'));
        await settle();
      }),
      {
        numRuns: 500,
        examples: [
          [
            [
              ['a worker gets a pod', 'a'],
              ['a pod is evicted', 'a'],
              ['a worker is told that a pod is gone', 'a'],
            ],
          ],
          [
            [
              ['a worker gets a pod', 'a'],
              ['a static pod comes', 'a'],
              ['a worker gets a pod', 'a'],
            ],
          ],
        ],
      },
    );
  });

  it('are counted once while nothing happens, however often pods are synced', async () => {
    const world = new World();
    const comes = ['a pod of the API server comes', 'a worker gets a pod'];
    for (const name of [...comes, 'a container runs', 'volumes are mounted']) await steps[name]?.(world, 'a');
    const counts = world.counter.counts();
    for (const name of ['a container runs', 'volumes are mounted', 'time passes'])
      await steps[name]?.(world, 'a');
    world.workers.wakeAll();
    await settle();
    assert.equal(world.counter.counts(), counts);
    world.stop.abort(new FarletError('cancelled', 'the test is over'));
  });
});
