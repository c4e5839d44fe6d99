import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ContainerStatus, PodStatus } from '../../model/kube.ts';
import { isPassing } from './passing.ts';

function container(state: ContainerStatus['state'], restartCount = 0): ContainerStatus {
  return { name: 'c', image: 'i', imageID: '', ready: false, restartCount, ...(state && { state }) };
}

function status(
  init: readonly ContainerStatus[],
  main: readonly ContainerStatus[],
  ready = 'False',
): PodStatus {
  return {
    phase: 'Pending',
    conditions: [
      { type: 'Initialized', status: 'True' },
      { type: 'Ready', status: ready },
    ],
    initContainerStatuses: [...init],
    containerStatuses: [...main],
  };
}

const running = container({ running: {} });
const initializing = container({ waiting: { reason: 'PodInitializing' } });
const done = container({ terminated: { exitCode: 0, reason: 'Completed' } });

describe('a status is for moments only', () => {
  for (const [what, now, isForMoments] of [
    ['while an init container runs', status([running], [initializing]), true],
    ['between init containers', status([done], [initializing]), true],
    [
      'while containers are made',
      status([], [container({ waiting: { reason: 'ContainerCreating' } })]),
      true,
    ],
    ['before the first probe', status([done], [running]), true],
    ['not once it is Ready', status([done], [running], 'True'), false],
    [
      'not where an image is missing',
      status([], [container({ waiting: { reason: 'ErrImagePull' } })]),
      false,
    ],
    [
      'not where a container failed',
      status([container({ terminated: { exitCode: 1 } })], [initializing]),
      false,
    ],
    ['not where it starts again', status([container({ running: {} }, 1)], [initializing]), false],
  ] as const)
    it(what, () => {
      assert.equal(isPassing(now, status([], [])), isForMoments);
      assert.equal(isPassing(now, undefined), isForMoments);
    });

  it('not where only a readiness gate is left', () => {
    const now = status([], [running]);
    const gated = { ...now, conditions: [{ type: 'ContainersReady', status: 'True' }] };
    assert.deepEqual([isPassing(gated, now), isPassing(now, gated)], [false, false]);
  });

  it('not where it has been Ready: that it no longer is, is told at once', () => {
    assert.equal(isPassing(status([], [running]), status([], [running], 'True')), false);
  });
});
