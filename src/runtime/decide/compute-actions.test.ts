import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '../../model/kube.ts';
import type { PodActions } from '../../model/pod-actions.ts';
import type { ObservedContainer, ObservedSandbox } from '../../model/runtime-state.ts';
import { pod, sandbox } from '../../testing/fixtures.ts';
import {
  created,
  exited,
  holding,
  madeOtherwise,
  probesSaying,
  record,
  runs,
  spec,
  unknown,
  withRule,
  type Records,
} from '../../testing/pod-records.ts';
import { computeActions, isIdle } from './compute-actions.ts';

type Policy = 'Always' | 'OnFailure' | 'Never';

interface Row {
  name: string;
  /** of the pod; default: Always */
  policy?: Policy;
  deleted?: true;
  spec?: Partial<Pod['spec']>;
  /** differs from what all hold: undefined for no record */
  records?: Records;
  older?: ObservedContainer[];
  sandboxes?: ObservedSandbox[];
  probes?: Parameters<typeof probesSaying>[0];
  restartAll?: true;
  expect: string[];
}

interface Base {
  readonly spec: Partial<Pod['spec']>;
  readonly records: Records;
}

function actionsFor(base: Base, row: Omit<Row, 'name' | 'expect'>): PodActions {
  const subject = pod({
    metadata: row.deleted === true ? { deletionTimestamp: '2026-01-01T00:01:00Z' } : {},
    spec: { restartPolicy: row.policy ?? 'Always', ...base.spec, ...row.spec },
  });
  const { older = [], sandboxes = [sandbox()] } = row;
  const state = holding(subject, { ...base.records, ...row.records }, { older, sandboxes });
  const probes = probesSaying(row.probes);
  return computeActions({ pod: subject, state, probes, restartAll: row.restartAll ?? false });
}

function told(actions: PodActions): string[] {
  return [
    ...(actions.killPod ? ['kill the pod'] : []),
    ...(actions.createSandbox ? [`sandbox ${String(actions.attempt)}`] : []),
    ...actions.reset.map(({ container, kill }) => `${kill ? 'kill and remove' : 'remove'} ${container.id}`),
    ...actions.kill.map(({ container: { id }, reason }) => `kill ${id}: ${reason}`),
    ...actions.startEphemeral.map((each) => `debug ${each.spec.name}`),
    ...actions.startInit.map((each) => `init ${each.spec.name}`),
    ...actions.start.map((each) => `start ${each.spec.name}`),
  ];
}

function table(base: Base, rows: readonly Row[]): void {
  for (const row of rows)
    it(row.name, () => {
      assert.deepEqual(told(actionsFor(base, row)), row.expect);
    });
}

const none: Records = { a: undefined, b: undefined };
const dead = [sandbox({ ready: false })];
const deadAgain = [sandbox({ attempt: 3, ready: false })];
/** two containers that run */
const two: Base = { spec: { containers: [spec('a'), spec('b')] }, records: { a: runs, b: runs } };

describe('a pod whose sandbox is ready', () => {
  table(two, [
    { name: 'needs nothing while all run', expect: [] },
    { name: 'has a container started that was never made', records: { b: undefined }, expect: ['start b'] },
    { name: 'has an exited container started under Always', records: { b: exited(0) }, expect: ['start b'] },
    {
      name: 'has a failed container started under OnFailure',
      policy: 'OnFailure',
      records: { b: exited(1) },
      expect: ['start b'],
    },
    {
      name: 'is left alone by OnFailure after a success',
      policy: 'OnFailure',
      records: { b: exited(0) },
      expect: [],
    },
    {
      name: 'is left alone by Never after a failure',
      policy: 'Never',
      records: { b: exited(1) },
      expect: [],
    },
    {
      name: 'has a container started that is in the created state, without a kill',
      policy: 'Never',
      records: { b: created },
      expect: ['start b'],
    },
    {
      name: 'has a container in an unknown state killed and started',
      policy: 'Never',
      records: { b: unknown },
      expect: ['kill b: unknown-state', 'start b'],
    },
    {
      name: 'goes by the newest record of a name',
      policy: 'OnFailure',
      records: { b: exited(0) },
      older: [record('b', exited(1, { id: 'old' }))],
      expect: [],
    },
    {
      name: 'has a container started by its own policy',
      policy: 'Never',
      spec: { containers: [spec('a'), spec('b', { restartPolicy: 'Always' })] },
      records: { b: exited(0) },
      expect: ['start b'],
    },
    {
      name: 'has a container started by its rule',
      policy: 'Never',
      spec: { containers: [spec('a'), spec('b', withRule('Never', 'Restart', [42]))] },
      records: { b: exited(42) },
      expect: ['start b'],
    },
    {
      name: 'that is deleted has nothing started again',
      deleted: true,
      records: { b: exited(1) },
      expect: [],
    },
    {
      name: 'that is deleted has nothing started in place of what was never made',
      deleted: true,
      records: { b: undefined },
      expect: [],
    },
  ]);
});

describe('a pod without a sandbox that serves', () => {
  table(two, [
    {
      name: 'is new: a sandbox and all containers',
      records: none,
      sandboxes: [],
      expect: ['kill the pod', 'sandbox 0', 'start a', 'start b'],
    },
    {
      name: 'is made again under Always',
      records: { a: exited(0), b: exited(1) },
      sandboxes: dead,
      expect: ['kill the pod', 'sandbox 1', 'start a', 'start b'],
    },
    {
      name: 'is made again without what has succeeded under OnFailure',
      policy: 'OnFailure',
      records: { a: exited(0), b: exited(1) },
      sandboxes: dead,
      expect: ['kill the pod', 'sandbox 1', 'start b'],
    },
    {
      name: 'has ended under OnFailure if all have succeeded',
      policy: 'OnFailure',
      records: { a: exited(0), b: exited(0) },
      sandboxes: dead,
      expect: ['kill the pod'],
    },
    {
      name: 'has ended under Never',
      policy: 'Never',
      records: { a: exited(1), b: runs },
      sandboxes: dead,
      expect: ['kill the pod'],
    },
    {
      name: 'is made again under Never as long as no container was ever made',
      policy: 'Never',
      records: none,
      sandboxes: deadAgain,
      expect: ['kill the pod', 'sandbox 4', 'start a', 'start b'],
    },
    {
      name: 'is made again under Never if its very first sandbox is gone without a trace',
      policy: 'Never',
      records: { a: exited(1), b: exited(1) },
      sandboxes: [],
      expect: ['kill the pod', 'sandbox 0', 'start a', 'start b'],
    },
    {
      name: 'leaves out what has succeeded by its own OnFailure',
      spec: { containers: [spec('a', { restartPolicy: 'OnFailure' }), spec('b')] },
      records: { a: exited(0), b: exited(0) },
      sandboxes: dead,
      expect: ['kill the pod', 'sandbox 1', 'start b'],
    },
    {
      name: 'starts what has succeeded and is to run always by its own policy',
      policy: 'OnFailure',
      spec: { containers: [spec('a', { restartPolicy: 'Always' }), spec('b')] },
      records: { a: exited(0), b: exited(0) },
      sandboxes: dead,
      expect: ['kill the pod', 'sandbox 1', 'start a'],
    },
    {
      name: 'has everything made again, running or not, if two sandboxes are ready',
      sandboxes: [sandbox({ id: 's2', attempt: 1 }), sandbox()],
      expect: ['kill the pod', 'sandbox 2', 'start a', 'start b'],
    },
    {
      name: 'has everything made again if the sandbox has no address',
      sandboxes: [sandbox({ ips: [], lacksAddress: true })],
      expect: ['kill the pod', 'sandbox 1', 'start a', 'start b'],
    },
    {
      name: 'has everything made again if its network is another now',
      spec: { ...two.spec, hostNetwork: true },
      expect: ['kill the pod', 'sandbox 1', 'start a', 'start b'],
    },
    {
      name: 'begins with the first init container, and with it alone',
      spec: { ...two.spec, initContainers: [spec('i1'), spec('i2')] },
      records: { a: exited(0), b: exited(0), i1: exited(0), i2: exited(0) },
      sandboxes: dead,
      expect: ['kill the pod', 'sandbox 1', 'init i1'],
    },
    {
      name: 'begins with a sidecar, and with it alone',
      spec: { ...two.spec, initContainers: [spec('s1', { restartPolicy: 'Always' }), spec('i2')] },
      records: none,
      sandboxes: [],
      expect: ['kill the pod', 'sandbox 0', 'init s1'],
    },
    {
      name: 'with init containers has ended under OnFailure if all regular ones have succeeded',
      policy: 'OnFailure',
      spec: { ...two.spec, initContainers: [spec('i1')] },
      records: { a: exited(0), b: exited(0), i1: exited(1) },
      sandboxes: dead,
      expect: ['kill the pod'],
    },
    {
      name: 'with an init container that failed has ended under Never',
      policy: 'Never',
      spec: { ...two.spec, initContainers: [spec('i1')] },
      records: { ...none, i1: exited(1) },
      sandboxes: dead,
      expect: ['kill the pod'],
    },
    {
      name: 'starts ephemeral containers only in a later sync',
      spec: { ...two.spec, ephemeralContainers: [spec('d')] },
      records: none,
      sandboxes: [],
      expect: ['kill the pod', 'sandbox 0', 'start a', 'start b'],
    },
  ]);

  it('names the old sandbox unless its network is another', () => {
    assert.equal(actionsFor(two, { sandboxes: dead }).sandbox?.id, 's1');
    assert.equal(actionsFor(two, { spec: { hostNetwork: true } }).sandbox, undefined);
    assert.equal(actionsFor(two, { sandboxes: [] }).sandbox, undefined);
  });
});

describe('a running container is killed', () => {
  const changed = { ...runs, ...madeOtherwise };
  const failing = { liveness: { b: 'failure' } } as const;
  table(two, [
    {
      name: 'and restarted if its image changed, under Never too',
      policy: 'Never',
      records: { b: changed },
      expect: ['kill b: changed', 'start b'],
    },
    {
      name: 'and restarted if its image changed, in a deleted pod too',
      deleted: true,
      records: { b: changed },
      expect: ['kill b: changed', 'start b'],
    },
    {
      name: 'and restarted if its liveness probe failed',
      probes: failing,
      expect: ['kill b: liveness-probe', 'start b'],
    },
    {
      name: 'and restarted if its startup probe failed',
      probes: { startup: { b: 'failure' } },
      expect: ['kill b: startup-probe', 'start b'],
    },
    {
      name: 'for good if its liveness probe failed under Never',
      policy: 'Never',
      probes: failing,
      expect: ['kill b: liveness-probe'],
    },
    {
      name: 'for good if its liveness probe failed and its own policy is Never',
      spec: { containers: [spec('a'), spec('b', { restartPolicy: 'Never' })] },
      probes: failing,
      expect: ['kill b: liveness-probe'],
    },
    {
      name: 'and restarted by its own policy if its liveness probe failed',
      policy: 'Never',
      spec: { containers: [spec('a'), spec('b', { restartPolicy: 'OnFailure' })] },
      probes: failing,
      expect: ['kill b: liveness-probe', 'start b'],
    },
    {
      name: 'for good whatever its rules say: it has no exit code yet',
      spec: { containers: [spec('a'), spec('b', withRule('Never', 'Restart', [0, 1, 137, 143]))] },
      probes: failing,
      expect: ['kill b: liveness-probe'],
    },
    {
      name: 'for its image first, though its probes failed too',
      records: { b: changed },
      probes: { liveness: { b: 'failure' }, startup: { b: 'failure' } },
      expect: ['kill b: changed', 'start b'],
    },
    {
      name: 'for its liveness probe before its startup probe',
      probes: { liveness: { b: 'failure' }, startup: { b: 'failure' } },
      expect: ['kill b: liveness-probe', 'start b'],
    },
    {
      name: 'not while its probes succeed, or say nothing yet',
      probes: { liveness: { a: 'success', b: 'unknown' }, startup: { a: 'success', b: 'unknown' } },
      expect: [],
    },
    { name: 'not because its record has no hash', records: { b: { ...runs, annotations: {} } }, expect: [] },
    {
      name: 'not because another image was meant when it last exited',
      policy: 'Never',
      records: { b: { ...exited(1), ...madeOtherwise } },
      expect: [],
    },
  ]);

  const messages: [name: string, row: Omit<Row, 'name' | 'expect'>, message: string][] = [
    ['for its image', { records: { b: changed } }, 'Container b definition changed, will be restarted'],
    ['for its liveness probe', { probes: failing }, 'Container b failed liveness probe, will be restarted'],
    [
      'for its startup probe, for good',
      { policy: 'Never', probes: { startup: { b: 'failure' } } },
      'Container b failed startup probe',
    ],
    [
      'for its state',
      { records: { b: unknown } },
      'Container is in "unknown" state, try killing it before restart',
    ],
  ];
  for (const [name, row, message] of messages)
    it(`and the event says so: ${name}`, () => {
      assert.deepEqual(
        actionsFor(two, row).kill.map((each) => [each.name, each.message]),
        [['b', message]],
      );
    });
});

describe('a pod ends', () => {
  const livenessProbe = { tcpSocket: { port: 80 } };
  const sidecar = spec('s', { restartPolicy: 'Always', livenessProbe });
  const served: Base = {
    spec: { ...two.spec, initContainers: [sidecar] },
    records: { ...two.records, s: runs },
  };
  table(served, [
    {
      name: 'when all have succeeded under OnFailure',
      policy: 'OnFailure',
      records: { a: exited(0), b: exited(0) },
      expect: ['kill the pod'],
    },
    {
      name: 'when all have exited under Never',
      policy: 'Never',
      records: { a: exited(0), b: exited(1) },
      expect: ['kill the pod'],
    },
    { name: 'not while one runs', policy: 'Never', records: { a: exited(0) }, expect: [] },
    {
      name: 'not while one is to be started',
      policy: 'Never',
      records: { a: exited(0), b: created },
      expect: ['start b'],
    },
    {
      name: 'when the last one that runs is killed for good',
      policy: 'Never',
      records: { a: exited(0) },
      probes: { liveness: { b: 'failure' } },
      expect: ['kill the pod', 'kill b: liveness-probe'],
    },
    {
      name: 'not when the last one that runs is killed and restarted',
      policy: 'OnFailure',
      records: { a: exited(0) },
      probes: { liveness: { b: 'failure' } },
      expect: ['kill b: liveness-probe', 'start b'],
    },
    {
      name: 'and its sidecars are not started again for it',
      policy: 'Never',
      records: { a: exited(0), b: exited(0) },
      probes: { liveness: { s: 'failure' } },
      expect: ['kill the pod', 'kill s: liveness-probe'],
    },
    {
      name: 'not because its sidecar is killed and restarted',
      policy: 'Never',
      probes: { liveness: { s: 'failure' } },
      expect: ['kill s: liveness-probe', 'init s'],
    },
    {
      name: 'not before its sidecar has let it start',
      policy: 'Never',
      records: { a: exited(0), b: exited(0), s: exited(0) },
      expect: ['init s'],
    },
    {
      name: 'when it is deleted and nothing of it runs',
      deleted: true,
      records: { a: exited(0), b: exited(1) },
      expect: ['kill the pod'],
    },
    {
      name: 'though an ephemeral container was still to be started',
      policy: 'Never',
      spec: { ...served.spec, ephemeralContainers: [spec('d')] },
      records: { a: exited(0), b: exited(0) },
      expect: ['kill the pod', 'debug d'],
    },
    {
      name: 'though an ephemeral container runs',
      policy: 'Never',
      spec: { ...served.spec, ephemeralContainers: [spec('d')] },
      records: { a: exited(0), b: exited(0), d: runs },
      expect: ['kill the pod'],
    },
  ]);
});

describe('a pod with init containers', () => {
  const waits: Base = {
    spec: { ...two.spec, initContainers: [spec('i1'), spec('s', { restartPolicy: 'Always' }), spec('i2')] },
    records: { i1: exited(0), s: runs, i2: exited(0) },
  };
  table(waits, [
    { name: 'starts the others once these are through', expect: ['start a', 'start b'] },
    { name: 'waits while the last one runs', records: { i2: runs }, expect: [] },
    { name: 'starts the next one, and nothing else', records: { i2: undefined }, expect: ['init i2'] },
    {
      name: 'ends if one failed for good',
      policy: 'Never',
      records: { i2: exited(1) },
      expect: ['kill the pod'],
    },
    {
      name: 'starts its sidecar again together with the others',
      records: { s: exited(1) },
      expect: ['init s', 'start a', 'start b'],
    },
    {
      name: 'restarts regular containers without going through them again',
      records: { i1: undefined, i2: undefined, a: runs, b: exited(1) },
      expect: ['start b'],
    },
    {
      name: 'goes through them again if their records are gone and no regular container runs',
      records: { i1: undefined, s: undefined, i2: undefined, a: exited(1), b: exited(1) },
      expect: ['init i1'],
    },
  ]);
});

describe('an ephemeral container', () => {
  const debugged: Base = {
    spec: { ...two.spec, ephemeralContainers: [spec('d1'), spec('d2')] },
    records: { ...two.records, d1: runs },
  };
  table(debugged, [
    { name: 'is started beside those that are there', expect: ['debug d2'] },
    {
      name: 'is started in the order of the pod',
      records: { d1: undefined },
      expect: ['debug d1', 'debug d2'],
    },
    { name: 'is never started again', records: { d1: exited(1), d2: exited(0) }, expect: [] },
    { name: 'is left alone in any state', records: { d1: unknown, d2: created }, expect: [] },
    {
      name: 'is left alone although its image is another',
      records: { d1: madeOtherwise, d2: runs },
      expect: [],
    },
    {
      name: 'does not wait for the initialization',
      spec: { ...debugged.spec, initContainers: [spec('i')] },
      records: { ...none, i: runs, d2: undefined },
      expect: ['debug d2'],
    },
  ]);
});

describe('a restart of all containers', () => {
  const asks: Base = {
    spec: {
      initContainers: [spec('i'), spec('s', { restartPolicy: 'Always' })],
      containers: [spec('a', withRule('Never', 'RestartAllContainers', [42])), spec('b')],
    },
    records: { i: exited(0), s: runs, a: exited(42), b: runs },
  };
  table(asks, [
    {
      name: 'removes every container, what asked for it last',
      restartAll: true,
      expect: ['kill and remove b', 'remove i', 'kill and remove s', 'remove a'],
    },
    {
      name: 'removes older records too',
      restartAll: true,
      older: [record('b', exited(1, { id: 'old' }))],
      expect: ['kill and remove b', 'remove old', 'remove i', 'kill and remove s', 'remove a'],
    },
    {
      name: 'kills what nobody knows the state of, or what was never started',
      restartAll: true,
      records: { b: unknown, s: created },
      expect: ['kill and remove b', 'remove i', 'kill and remove s', 'remove a'],
    },
    {
      name: 'leaves ephemeral containers alone',
      restartAll: true,
      spec: { ...asks.spec, ephemeralContainers: [spec('d1'), spec('d2')] },
      records: { d1: runs },
      expect: ['kill and remove b', 'remove i', 'kill and remove s', 'remove a'],
    },
    {
      name: 'goes before a new sandbox, which the next sync makes',
      restartAll: true,
      sandboxes: dead,
      expect: ['kill and remove b', 'remove i', 'kill and remove s', 'remove a'],
    },
    {
      name: 'begins again with the first init container once all are removed',
      records: { i: undefined, s: undefined, a: undefined, b: undefined },
      expect: ['init i'],
    },
    { name: 'is not decided here: an exit code alone restarts its own container', expect: ['start a'] },
  ]);
});

describe('a sync is idle', () => {
  const rows: { name: string; row: Omit<Row, 'name' | 'expect'>; idle: boolean }[] = [
    { name: 'if there is nothing to do', row: {}, idle: true },
    {
      name: 'not if the pod is to be killed',
      row: { policy: 'Never', records: { a: exited(0), b: exited(0) } },
      idle: false,
    },
    { name: 'not if it has no sandbox', row: { sandboxes: [] }, idle: false },
    {
      name: 'not if a container is to be killed',
      row: { policy: 'Never', probes: { liveness: { b: 'failure' } } },
      idle: false,
    },
    { name: 'not if a container is to be started', row: { records: { b: undefined } }, idle: false },
    {
      name: 'not if an init container is to be started',
      row: { spec: { ...two.spec, initContainers: [spec('i')] }, records: none },
      idle: false,
    },
    {
      name: 'not if an ephemeral container is to be started',
      row: { spec: { ...two.spec, ephemeralContainers: [spec('d')] } },
      idle: false,
    },
    { name: 'not if containers are to be removed', row: { restartAll: true }, idle: false },
  ];
  for (const { name, row, idle } of rows)
    it(name, () => {
      assert.equal(isIdle(actionsFor(two, row)), idle);
    });
});
