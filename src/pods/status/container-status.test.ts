import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ContainerStatus } from '../../model/kube.ts';
import { container, pod } from '../../testing/fixtures.ts';
import { containerStatus, type ContainerStatusInput } from './container-status.ts';

const before = (change: Partial<ContainerStatus>): ContainerStatus => ({
  name: 'c',
  state: { running: { startedAt: 't' } },
  ready: true,
  started: true,
  restartCount: 2,
  image: 'i',
  imageID: 'sha256:aa',
  containerID: 'containerd://gone',
  ...change,
});
const removed = {
  exitCode: 137,
  reason: 'ContainerStatusUnknown',
  message: 'The container could not be located when the pod was deleted.  The container used to be Running',
};

function status(change: Partial<ContainerStatusInput>): ContainerStatus {
  return containerStatus({
    pod: pod(),
    container: { type: 'container', sidecar: false, spec: { name: 'c', image: 'i' } },
    observed: [],
    previous: undefined,
    failure: undefined,
    willRestart: true,
    runtimeName: 'containerd',
    recursiveReadOnly: false,
    terminationMessage: () => undefined,
    isComplete: true,
    ...change,
  });
}

describe('a container that the runtime does not hold any more', () => {
  it('is unknown and begins again if it ran', () => {
    const found = status({ previous: before({}) });
    assert.deepEqual(found.state, { waiting: { reason: 'ContainerCreating' } });
    assert.deepEqual(found.lastState, { terminated: removed });
    assert.equal(found.restartCount, 3);
  });

  it('does not begin again in a pod that is deleted', () => {
    const deletionTimestamp = '2026-01-01T00:00:00Z';
    const found = status({ pod: pod({ metadata: { deletionTimestamp } }), previous: before({}) });
    assert.deepEqual([found.lastState, found.restartCount], [{ terminated: removed }, 2]);
  });

  it('keeps an end that was told before', () => {
    const lastState = { terminated: { exitCode: 3 } };
    const found = status({ previous: before({ lastState }) });
    assert.deepEqual([found.lastState, found.restartCount], [lastState, 2]);
  });

  it('stays what it was, whole, if it was over', () => {
    const over = before({
      state: { terminated: { exitCode: 3 } },
      lastState: { terminated: { exitCode: 2 } },
      resources: { requests: { cpu: '1' } },
      allocatedResources: { cpu: '1' },
      user: { linux: { uid: 1, gid: 1 } },
    });
    assert.deepEqual(status({ previous: over }), { ...over, ready: false, started: false });
  });

  it('waits if it never ran', () => {
    const waiting = before({ state: { waiting: { reason: 'CrashLoopBackOff' } } });
    const found = status({ previous: waiting });
    assert.deepEqual(found.state, { waiting: { reason: 'ContainerCreating' } });
    assert.equal(found.restartCount, 2);
  });
});

describe('an init container that the runtime does not hold any more', () => {
  const spec = { name: 'c', image: 'i' };
  const owner = pod({ spec: { initContainers: [spec] } });
  const init = { type: 'init_container', sidecar: false, spec } as const;

  it('is through once a regular container was made, whether or not anything was told of it', () => {
    for (const previous of [undefined, before({}), before({ state: { waiting: {} } })]) {
      const { state } = status({ pod: owner, container: init, previous, wasInitialized: true });
      assert.deepEqual([state?.terminated?.exitCode, state?.terminated?.reason], [0, 'Completed']);
    }
  });

  it('waits before that, and if it is a sidecar', () => {
    const sidecar = { ...init, sidecar: true };
    for (const change of [{ container: init }, { container: sidecar, wasInitialized: true }]) {
      const { state } = status({ pod: owner, ...change });
      assert.deepEqual(state, { waiting: { reason: 'PodInitializing' } });
    }
  });
});

describe('a container whose state the runtime does not know', () => {
  const observed = [container({ state: 'unknown', annotations: {} })];

  it('is over if it ran before', () => {
    const found = status({ observed, previous: before({ containerID: 'containerd://c1' }) });
    assert.deepEqual(found.state, {
      terminated: {
        exitCode: 137,
        reason: 'ContainerStatusUnknown',
        message: 'The container could not be located when the pod was terminated',
      },
    });
    assert.equal(found.restartCount, 3);
  });

  it('waits if it did not', () => {
    const found = status({ observed, previous: before({ state: { waiting: {} } }) });
    assert.deepEqual([found.state, found.restartCount], [{ waiting: {} }, 2]);
  });
});

describe('what a container has, in its status', () => {
  const none = { cpuRequest: 0n, cpuLimit: 0n, memoryRequest: 0n, memoryLimit: 0n };
  const shown = (
    resources: NonNullable<ContainerStatus['resources']>,
    actuated: ContainerStatusInput['actuated'],
    state: 'running' | 'exited' = 'running',
  ): Pick<ContainerStatus, 'resources' | 'allocatedResources'> => {
    const found = status({
      container: { type: 'container', sidecar: false, spec: { name: 'c', image: 'i', resources } },
      observed: [container({ state })],
      actuated,
    });
    const { allocatedResources } = found;
    return { resources: found.resources ?? {}, ...(allocatedResources && { allocatedResources }) };
  };
  const rows: [
    what: string,
    resources: NonNullable<ContainerStatus['resources']>,
    actuated: Partial<typeof none>,
    expected: NonNullable<ContainerStatus['resources']>,
  ][] = [
    [
      'memory as the runtime has it, in the form that is stored',
      { limits: { memory: '53687091200m' }, requests: { memory: '33e6' } },
      { memoryLimit: 53687092n, memoryRequest: 33_000_000n },
      { limits: { memory: '53687092' }, requests: { memory: '33e6' } },
    ],
    [
      'a decimal limit',
      { limits: { memory: '129M' } },
      { memoryLimit: 129_000_000n },
      { limits: { memory: '129M' } },
    ],
    [
      'exact beyond 2^53',
      { limits: { memory: '9007199254740993' } },
      { memoryLimit: 9007199254740993n },
      { limits: { memory: '9007199254740993' } },
    ],
    [
      'the smallest amounts of CPU as written',
      { limits: { cpu: '1m' }, requests: { cpu: '1m' } },
      { cpuLimit: 10n, cpuRequest: 2n },
      { limits: { cpu: '1m' }, requests: { cpu: '1m' } },
    ],
    [
      'CPU by the cgroup',
      { limits: { cpu: '1' }, requests: { cpu: '500m' } },
      { cpuLimit: 1500n, cpuRequest: 250n },
      { limits: { cpu: '1500m' }, requests: { cpu: '250m' } },
    ],
    [
      "limits that are the pod's",
      { limits: { 'ephemeral-storage': '1Gi' }, requests: { memory: '1Mi' } },
      { cpuLimit: 500n, memoryLimit: 2n ** 20n, memoryRequest: 2n ** 20n },
      {
        limits: { 'ephemeral-storage': '1Gi', cpu: '500m', memory: '1Mi' },
        requests: { memory: '1Mi', cpu: '500m' },
      },
    ],
    ['nothing where nothing is asked for', {}, { cpuLimit: 500n }, {}],
  ];
  for (const [what, resources, actuated, expected] of rows)
    it(what, () => {
      const found = shown(resources, { ...none, ...actuated });
      assert.deepEqual(found.resources, expected);
      assert.deepEqual(found.allocatedResources, resources.requests);
    });

  it('what it asks for when it does not run', () => {
    const { resources, allocatedResources } = shown(
      { limits: { memory: '0.5Gi' }, requests: { cpu: '0.1' } },
      { ...none, memoryLimit: 1n },
      'exited',
    );
    assert.deepEqual(resources, { limits: { memory: '512Mi' }, requests: { cpu: '100m' } });
    assert.deepEqual(allocatedResources, { cpu: '100m' });
  });
});
