import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ContainerStatus } from '../model/kube.ts';
import { container, pod } from '../testing/fixtures.ts';
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
