import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod, PodStatus } from '../model/kube.ts';
import { podRef } from '../model/pod-ref.ts';
import { emptyRuntimeState, type Deeds, type PodRuntimeState } from '../model/runtime-state.ts';
import type { PodSyncResult } from '../runtime/pod/pod-runtime.ts';
import type { PodSyncInput } from '../runtime/start/sync-input.ts';
import { FakeEvents } from '../testing/fake-host.ts';
import { container, FakeClock, pod, quietLog, sandbox, settle } from '../testing/fixtures.ts';
import { PodSyncer, type PodSyncerOptions } from './pod-syncer.ts';

const { signal } = new AbortController();
const web = pod();
const nothing = emptyRuntimeState(podRef(web), 0);
const running = { ...nothing, sandboxes: [sandbox()], containers: [container()], ips: ['10.0.0.2'] };
const ready = { status: true, reason: '', message: '' };

type Runtime = (input: PodSyncInput) => Promise<PodSyncResult>;

/** Every part writes down what it is asked, in order; answers are given a turn later. */
function setUp({
  host = { at: 'ready', networkReady: ready },
  state = nothing,
  runtime = () => Promise.resolve({ steps: [], ips: [] }),
  handler,
  before,
  renewAt,
  told,
  clock = new FakeClock(),
}: {
  host?: object;
  state?: PodRuntimeState;
  runtime?: Runtime;
  handler?: string;
  before?: PodStatus;
  renewAt?: number;
  /** the pod's state, if events tell it */
  told?: PodRuntimeState | undefined;
  clock?: FakeClock;
} = {}) {
  const events = new FakeEvents();
  const calls: string[] = [];
  const called = (name: string) => (): void => {
    calls.push(name);
  };
  const asked = async <T>(name: string, answer: T): Promise<T> => {
    calls.push(name);
    await settle();
    calls.push(`${name} done`);
    return answer;
  };
  const none = (): undefined => undefined;
  const options = {
    clock,
    log: quietLog,
    events,
    host: {
      name: 'box',
      state: () => host,
      runtime: () => ({ name: 'containerd', handlers: [{ name: '' }] }),
    },
    cache: { get: () => state },
    observe: {
      refresh: () => asked('observe', undefined),
      told: (_: string, { started = [] }: Deeds) => asked(`told of ${started.join(' ')}`, told),
    },
    runtime: {
      lookAhead: () => asked('lookAhead', undefined),
      syncPod: async (input: PodSyncInput) => {
        calls.push(`runtime ${String(input.pullSecrets.length)}`);
        return runtime(input);
      },
    },
    startErrors: { get: none, update: called('startErrors') },
    resizes: {
      conditions: () => [],
      actuated: { ofContainer: none },
      observe: called('resizes'),
      plan: (_: Pod, __: unknown, actions: object) => {
        calls.push('plan');
        return { actions, resize: undefined };
      },
      tellFailure: none,
    },
    volumes: {
      mount: (_: Pod, { hasSandbox }: { hasSandbox: boolean }) =>
        asked(hasSandbox ? 'mount' : 'mount before', new Map()),
      renewAt: () => renewAt,
    },
    cgroups: { prepare: () => asked('cgroup', undefined) },
    objects: {
      register: called('register'),
      secret: (_: string, name: string) => asked(`secret ${name}`, {}),
    },
    mirror: called('mirror'),
    probes: { readiness: none, startup: none, liveness: none, add: called('probes') },
    messages: { read: () => asked('messages', undefined), get: none },
    status: {
      current: () => before,
      set: (_: Pod, { status, lingerMs }: { status: PodStatus; lingerMs?: number }) => {
        calls.push(`status ${status.phase ?? ''}${lingerMs === undefined ? '' : ` in ${lingerMs}`}`);
      },
    },
    onLook: called('look'),
    onRunning: called('running'),
    runtimeClass: (name: string) => (name === handler ? { handler: name } : undefined),
    hostIPs: () => [],
  };
  return { steps: new PodSyncer(options as unknown as PodSyncerOptions), events, calls };
}

const status = ['look', 'messages', 'messages done', 'resizes'];

describe('the sync of a pod', () => {
  it('takes its steps in order, volumes and cgroup side by side', async () => {
    const link = Promise.withResolvers<undefined>();
    const { steps, calls, events } = setUp({
      runtime: async ({ onSandboxReady, alongside }) => {
        await onSandboxReady?.(sandbox({ id: 'new' }), ['10.0.0.7']);
        alongside?.(link.promise);
        return { steps: [{ action: 'create-sandbox', target: 'web' }], ips: ['10.0.0.7'] };
      },
    });
    const sealed = pod({ spec: { imagePullSecrets: [{ name: 'key' }] } });
    const syncing = steps.syncPod(sealed, { signal });
    let isDone = false;
    void syncing.then(() => (isDone = true));
    while (!calls.includes('observe done')) await settle();
    await settle();
    assert.equal(isDone, false, 'links to logs are waited for');
    link.resolve(undefined);
    assert.deepEqual(await syncing, { kind: 'acted' });
    assert.deepEqual(calls, [
      ...status,
      'status Pending in 30',
      ...['register', 'probes', 'plan'],
      ...['mount before', 'cgroup', 'lookAhead', 'mount before done', 'cgroup done', 'lookAhead done'],
      ...['secret key', 'secret key done', 'runtime 1'],
      'status Pending in 1000',
      ...['startErrors', 'observe', 'observe done'],
    ]);
    assert.deepEqual(events.seen, []);
  });

  it('mounts and nothing else where nothing is to be done', async () => {
    const { steps, calls } = setUp({ state: running, before: { phase: 'Running' } });
    assert.deepEqual(await steps.syncPod(web, { signal }), { kind: 'settled' });
    const tracked = ['register', 'probes', 'plan'];
    assert.deepEqual(calls, [...status, 'status Running', ...tracked, 'mount', 'mount done']);
  });

  it('lets wait what it is for moments before it is Ready, and not that it no longer is', async () => {
    const probed = pod({
      spec: { containers: [{ name: 'c', image: 'i', readinessProbe: { exec: { command: ['true'] } } }] },
    });
    const wasReady = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
    for (const [before, told] of [
      [{ phase: 'Running' }, 'status Running in 1000'],
      [wasReady, 'status Running'],
    ] as const) {
      const { steps, calls } = setUp({ state: running, before });
      await steps.syncPod(probed, { signal });
      assert.deepEqual(
        calls.filter((call) => call.startsWith('status')),
        [told],
      );
    }
  });

  it('comes again when a volume is to be renewed or the deadline is reached', async () => {
    const clock = new FakeClock();
    const startTime = new Date(clock.now()).toISOString().replace('.000Z', 'Z');
    const before = { phase: 'Running', startTime };
    for (const [activeDeadlineSeconds, renewIn, againInMs] of [
      [60, 90_000, 60_000],
      [60, 20_000, 20_000],
      [60, 10, 1_000],
    ] as const) {
      const { steps } = setUp({ state: running, before, renewAt: clock.now() + renewIn, clock });
      const limited = pod({ spec: { activeDeadlineSeconds } });
      assert.deepEqual(await steps.syncPod(limited, { signal }), { kind: 'settled', againInMs });
    }
  });

  it('makes the mirror of a static pod, and tells of one that has come to run after its status', async () => {
    const annotations = { 'kubernetes.io/config.source': 'file' };
    const { steps, calls } = setUp({ state: running });
    await steps.syncPod(pod({ metadata: { annotations } }), { signal });
    const tracked = ['status Running', 'running', 'mirror', 'register', 'probes'];
    assert.deepEqual(calls.slice(status.length, -3), tracked);
  });
});

describe('what a sync has done', () => {
  const start = { action: 'start-container', target: 'c' } as const;
  const error = { code: 'RunContainerError', message: 'x', cause: undefined };
  const looked = ['observe', 'observe done'];
  const told = ['told of c1', 'told of c1 done'];
  for (const { name, result, by, looks } of [
    { name: 'is told by events', result: { steps: [{ ...start, id: 'c1' }] }, by: running, looks: told },
    {
      name: 'is looked at where events do not tell',
      result: { steps: [{ ...start, id: 'c1' }] },
      by: undefined,
      looks: [...told, ...looked],
    },
    {
      name: 'is looked at if a start failed',
      result: {
        steps: [
          { ...start, id: 'c1' },
          { ...start, error },
        ],
      },
      by: running,
      looks: looked,
    },
    {
      name: 'is looked at if it was more than starts',
      result: { steps: [{ action: 'kill-container', target: 'c' } as const, { ...start, id: 'c1' }] },
      by: running,
      looks: looked,
    },
    {
      name: 'is looked at if something else failed',
      result: { steps: [{ ...start, id: 'c1' }], error: new Error('x') },
      by: running,
      looks: looked,
    },
    { name: 'is looked at if it was nothing', result: { steps: [] }, by: running, looks: looked },
  ])
    it(name, async () => {
      const { steps, calls } = setUp({
        told: by,
        runtime: () => Promise.resolve({ ips: [], ...result }),
      });
      await steps.syncPod(web, { signal });
      const from = calls.indexOf('startErrors') + 1;
      assert.deepEqual(calls.slice(from, from + looks.length), looks);
      assert.equal(calls.includes('observe'), looks.includes('observe'));
    });
});

describe('the sync of a pod ends early', () => {
  it('while the host cannot be asked', async () => {
    const { steps, calls } = setUp({ host: { at: 'lost' } });
    assert.deepEqual(await steps.syncPod(web, { signal }), { kind: 'paused' });
    assert.deepEqual(calls, []);
  });

  it('when the pod has ended', async () => {
    const exited = { ...running, containers: [container({ state: 'exited' })] };
    const { steps, calls } = setUp({ state: exited });
    const outcome = await steps.syncPod(pod({ spec: { restartPolicy: 'Never' } }), { signal });
    assert.deepEqual(outcome, { kind: 'terminal', order: {} });
    assert.deepEqual(calls, [...status, 'status Succeeded']);
  });

  it('when its deadline is over', async () => {
    const before = { phase: 'Running', startTime: '1960-01-01T00:00:00Z' };
    const { steps, calls, events } = setUp({ state: running, before });
    const outcome = await steps.syncPod(pod({ spec: { activeDeadlineSeconds: 1 } }), { signal });
    const message = 'Pod was active on the node longer than the specified deadline';
    const failed = { phase: 'Failed', reason: 'DeadlineExceeded', message };
    assert.deepEqual(outcome, { kind: 'terminal', order: { status: failed } });
    assert.deepEqual(calls, [...status, 'status Failed']);
    assert.deepEqual(events.seen, [`Normal DeadlineExceeded: ${message}`]);
  });

  it("while the host has no network, unless the pod is on the host's", async () => {
    const networkReady = { status: false, reason: 'NoPlugin', message: 'cni is not there' };
    const host = { at: 'ready', networkReady };
    const { steps, calls, events } = setUp({ host });
    const outcome = await steps.syncPod(web, { signal });
    assert.ok(outcome.kind === 'failed' && outcome.retryInMs >= 1_000 && outcome.retryInMs <= 1_500);
    assert.deepEqual(calls, [...status, 'status Pending in 30']);
    assert.deepEqual(events.seen, [
      'Warning NetworkNotReady: network is not ready: container runtime network not ready: NetworkReady=false reason:NoPlugin message:cni is not there',
    ]);
    const other = setUp({ host });
    const onHost = pod({ spec: { hostNetwork: true } });
    assert.equal((await other.steps.syncPod(onHost, { signal })).kind, 'acted');
  });

  it('without its RuntimeClass, with an event', async () => {
    const { steps, calls, events } = setUp();
    const text = 'runtimeclass.node.k8s.io "gvisor" not found';
    await assert.rejects(steps.syncPod(pod({ spec: { runtimeClassName: 'gvisor' } }), { signal }), {
      message: text,
    });
    assert.equal(calls.at(-1), 'lookAhead done');
    assert.deepEqual(events.seen, [`Warning FailedCreatePodSandBox: Failed to create pod sandbox: ${text}`]);
  });

  it('if the host lacks its runtime handler, with an event', async () => {
    const { steps, calls, events } = setUp({ handler: 'gvisor' });
    const outcome = await steps.syncPod(pod({ spec: { runtimeClassName: 'gvisor' } }), { signal });
    assert.ok(outcome.kind === 'terminal');
    const { phase, reason, message = '' } = outcome.order.status ?? {};
    assert.deepEqual([phase, reason], ['Failed', 'RuntimeHandlerNotFound']);
    assert.match(message, /^Pod was rejected: host box has no runtime handler "gvisor"/);
    assert.match(events.seen.join(), /^Warning RuntimeHandlerNotFound: host box has no/);
    assert.equal(calls.at(-1), 'lookAhead done');
  });
});

describe('a sync that failed', () => {
  it('shows the new status and waits for the back-off', async () => {
    const clock = new FakeClock();
    const error = { code: 'CrashLoopBackOff', message: 'x', retryAt: clock.now() + 20_000, cause: undefined };
    const { steps, calls } = setUp({
      clock,
      runtime: () => Promise.resolve({ steps: [{ action: 'start-container', target: 'c', error }], ips: [] }),
    });
    const outcome = await steps.syncPod(web, { signal });
    assert.deepEqual(outcome, { kind: 'failed', retryInMs: 20_000 });
    assert.deepEqual(calls.slice(-4), ['startErrors', 'observe', 'observe done', 'status Pending']);
  });
});
