import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FarletError } from '../model/errors.ts';
import type { Pod, PodStatus } from '../model/kube.ts';
import { podRef } from '../model/pod-ref.ts';
import {
  emptyRuntimeState,
  type ObservedSandbox,
  type PodRuntimeState,
  type Removal,
} from '../model/runtime-state.ts';
import type { SyncStep } from '../runtime/spec/steps.ts';
import { StopCutOff } from '../runtime/spec/stop-cut-off.ts';
import { FakeEvents } from '../testing/fake-host.ts';
import { container, FakeClock, pod, quietLog, sandbox, settle } from '../testing/fixtures.ts';
import { PodSyncer, type PodSyncerOptions } from './pod-syncer.ts';

type DesiredStatus = Parameters<PodSyncerOptions['status']['set']>[1];
const { signal } = new AbortController();
const web = pod();
const nothing = emptyRuntimeState(podRef(web), 0);

const running = { ...nothing, sandboxes: [sandbox()], containers: [container()] };
const dead: PodRuntimeState = {
  ...nothing,
  sandboxes: [sandbox({ ready: false })],
  containers: [container({ state: 'exited' })],
};

/** What the tested ways touch; anything else would throw. */
function setUp({
  state = nothing,
  found = [],
  refresh = () => Promise.resolve(),
  killed = [],
  before,
  isDrained = false,
  removePod = () => Promise.resolve({ gone: ['c1', 's1'], refused: [] }),
}: {
  state?: PodRuntimeState;
  /** what one look after the other finds; the last stays */
  found?: readonly PodRuntimeState[];
  refresh?: () => Promise<void>;
  killed?: readonly SyncStep[];
  before?: PodStatus;
  isDrained?: boolean;
  removePod?: () => Promise<Removal>;
} = {}) {
  const events = new FakeEvents();
  const none = (): undefined => undefined;
  const runs = { count: 0 };
  const calls: string[] = [];
  const sets: DesiredStatus[] = [];
  const says =
    <T>(call: string, answer: T) =>
    (): Promise<T> => {
      calls.push(call);
      return Promise.resolve(answer);
    };
  const finds = [...found];
  let held = state;
  const options = {
    clock: new FakeClock(),
    log: quietLog,
    events,
    host: {
      name: 'box',
      state: () => ({ at: 'ready', networkReady: { status: false, reason: '', message: '' } }),
      runtime: none,
    },
    cache: {
      get: () => held,
      stopped: (_: string, id: string) => {
        const stop = (each: ObservedSandbox) => (each.id === id ? { ...each, ready: false } : each);
        held = { ...held, sandboxes: held.sandboxes.map(stop) };
      },
      removed: (_: string, id: string) => calls.push(`forget ${id}`),
    },
    observe: {
      refresh: async () => {
        calls.push('look');
        held = finds.shift() ?? held;
        await refresh();
      },
      told: () => Promise.resolve(undefined),
    },
    runtime: {
      killContainers: ({ state: { containers } }: { state: PodRuntimeState }) => {
        calls.push(`kill ${containers.map(({ id }) => id).join(' ')}`);
        return Promise.resolve(killed);
      },
      stopSandboxes: ({ sandboxes }: PodRuntimeState) => {
        calls.push(`stop ${sandboxes.map(({ id }) => id).join(' ')}`);
        return Promise.resolve({ action: 'kill-sandbox', target: 'web' });
      },
    },
    startErrors: { get: none },
    resizes: { conditions: () => [], actuated: { ofContainer: none }, observe: none },
    probes: {
      readiness: none,
      startup: none,
      liveness: none,
      stopLivenessAndStartup: none,
      remove: none,
    },
    messages: { read: () => Promise.resolve(), get: none },
    status: {
      current: () => before,
      set: (_: Pod, desired: DesiredStatus) => sets.push(desired),
      settled: says('write the status', undefined),
      finish: says('delete the object', undefined),
    },
    volumes: { unmount: says('unmount', undefined) },
    cgroups: { remove: says('remove the cgroup', undefined) },
    objects: { unregister: none },
    collector: {
      removePod: () => {
        calls.push('remove');
        return removePod();
      },
    },
    isDrained: () => isDrained,
    forgetPod: none,
    onLook: none,
    onRunning: () => (runs.count += 1),
    runtimeClass: none,
    hostIPs: () => [],
  };
  return { steps: new PodSyncer(options as unknown as PodSyncerOptions), events, runs, calls, sets };
}

const stopping = { graceSeconds: 1, status: undefined, signal };

describe("a pod's steps", () => {
  it('wait for a pod that the runtime does not tell all of, and say so', async () => {
    const { steps, events } = setUp({ state: { ...nothing, fault: 'it is broken' } });
    const outcome = await steps.syncPod(web, { signal });
    assert.equal(outcome.kind, 'failed');
    assert.deepEqual(events.seen, ['Warning FailedSync: error determining status: it is broken']);
  });

  for (const { name, before, count } of [
    { name: 'tell of a pod that has come to run', before: { phase: 'Pending' }, count: 1 },
    { name: 'tell of one that nothing was known of', before: undefined, count: 1 },
    { name: 'do not tell again of one that ran', before: { phase: 'Running' }, count: 0 },
  ])
    it(name, async () => {
      const { steps, runs } = setUp({ state: running, ...(before === undefined ? {} : { before }) });
      await steps.syncPod(web, { signal });
      assert.equal(runs.count, count);
    });

  it('say why a pod that is to stop can not be looked at', async () => {
    const { steps, events } = setUp({
      refresh: () => Promise.reject(new FarletError('internal', 'it is broken')),
    });
    await assert.rejects(steps.stopPod(web, stopping), /it is broken/);
    assert.deepEqual(events.seen, ['Warning FailedSync: error determining status: it is broken']);
  });

  it('blame no pod for a host that can not be asked', async () => {
    const { steps, events } = setUp({
      refresh: () => Promise.reject(new FarletError('unavailable', 'no link')),
    });
    await assert.rejects(steps.stopPod(web, stopping), /no link/);
    assert.deepEqual(events.seen, []);
  });

  it('say what kept a pod from being stopped', async () => {
    const error = { code: 'KillContainerError', message: 'it clings', cause: undefined };
    const { steps, events } = setUp({ killed: [{ action: 'kill-container', target: 'c', error }] });
    await assert.rejects(steps.stopPod(web, stopping), /could not be stopped: it clings/);
    assert.deepEqual(events.seen, ['Warning FailedKillPod: error killing pod: it clings']);
  });

  it('kill no container by its sandbox that has grace left of a stop that was cut off', async () => {
    const cause = new StopCutOff(new FarletError('unavailable', 'no link'));
    const error = { code: 'KillContainerError', message: 'no link', cause };
    const { steps, calls } = setUp({
      state: running,
      killed: [{ action: 'kill-container', target: 'c', error }],
    });
    await assert.rejects(steps.stopPod(web, stopping), /no link/);
    assert.ok(calls.includes('kill c1') && !calls.includes('stop s1'), String(calls));
  });

  const stops = ['kill c1', 'stop s1', 'look'];
  const other = { ...dead, containers: [container({ id: 'c2' })] };
  const rows: {
    name: string;
    state: PodRuntimeState;
    found: readonly PodRuntimeState[];
    calls: readonly string[];
  }[] = [
    { name: 'stop a pod that runs without a look before', state: running, found: [dead], calls: stops },
    {
      name: 'look first where a container is not known to run: it may be just being made',
      state: { ...running, containers: [] },
      found: [running, dead],
      calls: ['look', ...stops],
    },
    {
      name: 'look first where one restarts',
      state: { ...running, containers: dead.containers },
      found: [running, dead],
      calls: ['look', ...stops],
    },
    {
      name: 'look first at a pod that is not known, of which there is nothing',
      state: nothing,
      found: [nothing],
      calls: ['look', 'kill ', 'stop ', 'look'],
    },
    {
      name: 'stop what nobody knew of, too',
      state: running,
      found: [{ ...dead, sandboxes: [sandbox(), sandbox({ id: 's2', ready: true })] }, dead],
      calls: [...stops, 'kill c1', 'stop s1 s2', 'look'],
    },
  ];
  for (const { name, state, found, calls: expected } of rows)
    it(name, async () => {
      const { steps, calls } = setUp({ state, found });
      await steps.stopPod(web, stopping);
      assert.deepEqual(calls, expected);
    });

  it('leave it to the next to write that a pod stops, and how it ended, if that follows soon', async () => {
    const { steps, sets } = setUp({ state: running, found: [dead] });
    await steps.stopPod(web, stopping);
    assert.deepEqual(
      sets.map(({ mayRun, lingerMs = 0 }) => [mayRun, lingerMs > 0]),
      [
        [true, true],
        [false, true],
      ],
    );
  });

  it('do not take a pod for stopped of which something runs on', async () => {
    const { steps } = setUp({ state: running, found: [other] });
    await assert.rejects(steps.stopPod(web, stopping), /could not be stopped: still running: c$/);
  });

  const deleted = pod({ metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } });
  const ends = ['unmount', 'remove the cgroup', 'delete the object'];

  it('let the object go before what is dead is removed', async () => {
    const { steps, calls } = setUp({ state: dead });
    await steps.finishPod(deleted, { signal });
    assert.deepEqual(calls, [...ends, 'remove', 'forget c1', 'forget s1']);
  });

  it('let it go last where the node is drained: then the host is empty', async () => {
    const { steps, calls } = setUp({ state: dead, isDrained: true });
    await steps.finishPod(deleted, { signal });
    const removed = ['remove', 'forget c1', 'forget s1'];
    assert.deepEqual(calls, [...ends.slice(0, 2), ...removed, ...ends.slice(2)]);
  });

  it('keep what is dead of a pod that nobody deleted: its logs may be asked for', async () => {
    const { steps, calls } = setUp({ state: dead });
    await steps.finishPod(web, { signal });
    assert.deepEqual(calls, ['unmount', 'remove the cgroup', 'write the status']);
  });

  it('are done with a pod whose remains stay', async () => {
    const { steps, calls } = setUp({
      state: dead,
      removePod: () => Promise.reject(new FarletError('unavailable', 'no link')),
    });
    await steps.finishPod(deleted, { signal });
    assert.deepEqual(calls, [...ends, 'remove']);
  });

  it('say what the runtime refuses to remove', async () => {
    const { steps, events } = setUp({
      state: dead,
      removePod: () => Promise.resolve({ gone: ['s1'], refused: ['cannot delete running task'] }),
    });
    await steps.finishPod(deleted, { signal });
    assert.match(
      events.seen.join(),
      /FailedRemovePodContainers: .* refuses to remove 1 .*cannot delete running/,
    );
  });

  it('remove two pods at a time', async () => {
    const turns: (() => void)[] = [];
    const { steps, calls } = setUp({
      state: dead,
      removePod: () =>
        new Promise((resolve) => {
          turns.push(() => {
            resolve({ gone: [], refused: [] });
          });
        }),
    });
    const removals = (): number => calls.filter((call) => call === 'remove').length;
    const all = Promise.all([1, 2, 3].map(() => steps.finishPod(deleted, { signal })));
    await settle();
    assert.deepEqual([calls.filter((call) => call === 'delete the object').length, removals()], [3, 2]);
    turns[0]?.();
    await settle();
    assert.equal(removals(), 3);
    for (const turn of turns) turn();
    await all;
  });
});
