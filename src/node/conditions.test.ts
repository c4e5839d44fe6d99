import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HostState } from '../hosts/runtime-host.ts';
import { nodeConditions, readyProblems } from './conditions.ts';
import { requiredLabels, withOthers } from './node-object.ts';

const fine = { status: true, reason: '', message: '' };
const runtime = { name: 'containerd', version: '2.1.9', handlers: [], supplementalGroupsPolicy: true };
const ready: HostState & { at: 'ready' } = { at: 'ready', runtime, runtimeReady: fine, networkReady: fine };
const heard = { silentMs: 0, thresholdMs: 180_000 };
const down = { status: false, reason: 'NetworkPluginNotReady', message: 'cni config uninitialized' };

describe('why a node is not ready', () => {
  const rows: [string, HostState, typeof heard | { silentMs: undefined; thresholdMs: number }, string[]][] = [
    ['nothing', ready, heard, []],
    [
      'the runtime was never heard of',
      { at: 'connecting', error: undefined },
      heard,
      ['container runtime status check may not have completed yet'],
    ],
    [
      'no network',
      { ...ready, networkReady: down },
      heard,
      [
        'container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:cni config uninitialized',
      ],
    ],
    [
      'never listed',
      ready,
      { silentMs: undefined, thresholdMs: 180_000 },
      ['PLEG is not healthy: pleg has yet to be successful'],
    ],
    [
      'listed long ago',
      ready,
      { silentMs: 185_500, thresholdMs: 180_000 },
      ['PLEG is not healthy: pleg was last seen active 3m5.5s ago; threshold is 3m0s'],
    ],
  ];
  for (const [name, host, pleg, expect] of rows)
    it(name, () => {
      assert.deepEqual(readyProblems(host, pleg), expect);
    });
});

describe('the status of a node that others write to as well', () => {
  const now = '2026-01-02T03:04:05Z';
  const network = { type: 'NetworkUnavailable', status: 'False', reason: 'FlannelIsUp', message: 'it is up' };
  const hosts = { type: 'farlet.dev/HostsReady', status: 'True', reason: 'HostsReady', message: '' };
  const notReady = { type: 'Ready', status: 'False', reason: 'KubeletNotReady', message: 'was not' };
  const types = (previous: readonly (typeof network)[]): string[] =>
    nodeConditions({ problems: [], isLeaving: false, pressures: [], previous, now }).map(({ type }) => type);

  it('says that it is being taken away for as long as it is', () => {
    const leavingOf = (isLeaving: boolean, previous: readonly (typeof network)[]): string[] =>
      nodeConditions({ problems: [], isLeaving, pressures: [], previous, now }).flatMap(({ type, status }) =>
        type === 'farlet.dev/Leaving' ? [status] : [],
      );
    assert.deepEqual(leavingOf(true, []), ['True']);
    const before = { type: 'farlet.dev/Leaving', status: 'True', reason: 'NodeLeaving', message: '' };
    assert.deepEqual(leavingOf(false, [before]), []);
  });

  it('keeps conditions of others as and where they are', () => {
    const conditions = nodeConditions({
      problems: [],
      isLeaving: false,
      pressures: [],
      previous: [network, notReady],
      now,
    });
    assert.deepEqual(conditions[0], network);
    assert.deepEqual([conditions[1]?.type, conditions[1]?.status], ['Ready', 'True']);
    assert.deepEqual(types([network, notReady]), [
      'NetworkUnavailable',
      'Ready',
      'MemoryPressure',
      'DiskPressure',
      'PIDPressure',
    ]);
  });

  it('drops a condition of its own that is no more', () => {
    assert.deepEqual(types([hosts]), ['MemoryPressure', 'DiskPressure', 'PIDPressure', 'Ready']);
  });

  it('keeps fields of others, and none of its own that is no more', () => {
    const attached = [{ name: 'disk', devicePath: '' }];
    assert.deepEqual(
      withOthers({ images: [] }, { volumesAttached: attached, runtimeHandlers: [], images: [] }),
      { volumesAttached: attached, images: [] },
    );
  });
});

describe('labels that a node must have', () => {
  const required = { 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'arm64' };
  const rows: [string, Record<string, string> | undefined, object | undefined][] = [
    ['are there', { ...required, zone: 'a' }, undefined],
    ['one was removed', { 'kubernetes.io/os': 'linux' }, required],
    ['one was changed', { ...required, 'kubernetes.io/arch': 'amd64' }, required],
    ['none is there', undefined, required],
  ];
  for (const [name, labels, expect] of rows)
    it(name, () => {
      assert.deepEqual(requiredLabels(labels, 'arm64'), expect);
    });
});
