import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FarletError } from '../model/errors.ts';
import type { PodStatus } from '../model/kube.ts';
import { podRef } from '../model/pod-ref.ts';
import { emptyRuntimeState, type PodRuntimeState } from '../model/runtime-state.ts';
import type { SyncStep } from '../runtime/spec/steps.ts';
import { FakeEvents } from '../testing/fake-host.ts';
import { container, FakeClock, pod, quietLog, sandbox } from '../testing/fixtures.ts';
import { PodSyncer, type PodSyncerOptions } from './pod-syncer.ts';

const { signal } = new AbortController();
const web = pod();
const nothing = emptyRuntimeState(podRef(web), 0);

/** What the tested ways touch; anything else would throw. */
function setUp({
  state = nothing,
  refresh = () => Promise.resolve(),
  killed = [],
  before,
}: {
  state?: PodRuntimeState;
  refresh?: () => Promise<void>;
  killed?: readonly SyncStep[];
  before?: PodStatus;
} = {}) {
  const events = new FakeEvents();
  const none = (): undefined => undefined;
  const runs = { count: 0 };
  const options = {
    clock: new FakeClock(),
    log: quietLog,
    events,
    host: {
      name: 'box',
      state: () => ({ at: 'ready', networkReady: { status: false, reason: '', message: '' } }),
      runtime: none,
    },
    cache: { get: () => state },
    observe: { refresh },
    runtime: { killPod: () => Promise.resolve(killed) },
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
    status: { current: () => before, set: none },
    onLook: none,
    onRunning: () => (runs.count += 1),
    runtimeClass: none,
    hostIPs: () => [],
  };
  return { steps: new PodSyncer(options as unknown as PodSyncerOptions), events, runs };
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
      const state = { ...nothing, sandboxes: [sandbox()], containers: [container()] };
      const { steps, runs } = setUp({ state, ...(before === undefined ? {} : { before }) });
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
});
