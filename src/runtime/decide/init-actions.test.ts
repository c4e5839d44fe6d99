import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Container, Pod } from '../../model/kube.ts';
import type { ObservedContainer } from '../../model/runtime-state.ts';
import { pod } from '../../testing/fixtures.ts';
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
import { initActions } from './init-actions.ts';

interface Row {
  name: string;
  /** of the pod; default: Always */
  policy?: 'OnFailure' | 'Never';
  deleted?: true;
  /** what is special about an init container */
  own?: Record<string, Partial<Container>>;
  records: Records;
  older?: ObservedContainer[];
  probes?: Parameters<typeof probesSaying>[0];
  expect: string[];
}

function check(initContainers: readonly Container[], row: Row): void {
  const subject: Pod = pod({
    metadata: row.deleted === true ? { deletionTimestamp: '2026-01-01T00:01:00Z' } : {},
    spec: {
      restartPolicy: row.policy ?? 'Always',
      initContainers: initContainers.map((each) => ({ ...each, ...row.own?.[each.name] })),
      containers: [spec('main')],
    },
  });
  const state = holding(subject, row.records, row.older === undefined ? {} : { older: row.older });
  const actions = initActions(subject, state, probesSaying(row.probes));
  assert.deepEqual(
    [
      ...actions.kill.map(({ container: { id }, reason }) => `kill ${id}: ${reason}`),
      ...actions.start.map((each) => `start ${each.spec.name}`),
      ...(actions.killPod ? ['the pod ends'] : []),
      ...(actions.initialized ? ['initialized'] : []),
    ],
    row.expect,
  );
}

const probe = { tcpSocket: { port: 80 } };
const sidecar = (name: string, more: Partial<Container> = {}): Container =>
  spec(name, { restartPolicy: 'Always', ...more });

describe('init containers, one after the other', () => {
  const rows: Row[] = [
    { name: 'begin with the first', records: {}, expect: ['start i1'] },
    { name: 'wait while the first runs', records: { i1: runs }, expect: [] },
    { name: 'go on to the second once the first is done', records: { i1: exited(0) }, expect: ['start i2'] },
    {
      name: 'are through once the last is done',
      records: { i1: exited(0), i2: exited(0), i3: exited(0) },
      expect: ['initialized'],
    },
    { name: 'make one again that was never started', records: { i1: created }, expect: ['start i1'] },
    {
      name: 'go by the last that left a record: earlier ones may have been removed',
      records: { i3: runs },
      expect: [],
    },
    {
      name: 'go on after the last that left a record',
      records: { i2: exited(0) },
      expect: ['start i3'],
    },
    {
      name: 'do not look at earlier ones that failed once',
      records: { i1: exited(1), i2: runs },
      expect: [],
    },
    {
      name: 'go by the newest record of a name',
      records: { i1: exited(0) },
      older: [record('i1', exited(1, { id: 'old' }))],
      expect: ['start i2'],
    },
    { name: 'try one that failed again under Always', records: { i1: exited(1) }, expect: ['start i1'] },
    {
      name: 'try one that failed again under OnFailure',
      policy: 'OnFailure',
      records: { i1: exited(1) },
      expect: ['start i1'],
    },
    {
      name: 'end the pod if one failed under Never',
      policy: 'Never',
      records: { i1: exited(0), i2: exited(1) },
      expect: ['the pod ends'],
    },
    {
      name: 'do not care for Never while all goes well',
      policy: 'Never',
      records: { i1: exited(0) },
      expect: ['start i2'],
    },
    {
      name: 'try one that failed again by its own policy',
      policy: 'Never',
      own: { i1: { restartPolicy: 'OnFailure' } },
      records: { i1: exited(1) },
      expect: ['start i1'],
    },
    {
      name: 'end the pod if one failed and its own policy is Never',
      own: { i1: { restartPolicy: 'Never' } },
      records: { i1: exited(1) },
      expect: ['the pod ends'],
    },
    {
      name: 'try one that failed again by its rule for the exit code',
      policy: 'Never',
      own: { i1: withRule('Never', 'Restart', [42]) },
      records: { i1: exited(42) },
      expect: ['start i1'],
    },
    {
      name: 'take one that ran out of memory for failed although it exited with 0',
      records: { i1: exited(0, { reason: 'OOMKilled' }) },
      expect: ['start i1'],
    },
    {
      name: 'end the pod if one ran out of memory, exited with 0 and OnFailure has no failure to see',
      policy: 'OnFailure',
      records: { i1: exited(0, { reason: 'OOMKilled' }) },
      expect: ['the pod ends'],
    },
    {
      name: 'stop one in an unknown state and start it again',
      policy: 'OnFailure',
      records: { i1: unknown },
      expect: ['kill i1: unknown-state', 'start i1'],
    },
    {
      name: 'end the pod if one is in an unknown state under Never',
      policy: 'Never',
      records: { i1: unknown },
      expect: ['the pod ends'],
    },
    {
      name: 'stop one in an unknown state and start it again by its own policy',
      policy: 'Never',
      own: { i1: { restartPolicy: 'OnFailure' } },
      records: { i1: unknown },
      expect: ['kill i1: unknown-state', 'start i1'],
    },
    {
      name: 'do not ask rules about an unknown state: there is no exit code',
      own: { i1: withRule('Never', 'Restart', [0]) },
      records: { i1: unknown },
      expect: ['the pod ends'],
    },
    {
      name: 'do not try again in a deleted pod',
      deleted: true,
      records: { i1: exited(1) },
      expect: ['the pod ends'],
    },
    {
      name: 'are through if a regular container runs, though no record is left',
      records: { main: runs },
      expect: ['initialized'],
    },
    {
      name: 'are through if a regular container was made, though no record is left',
      records: { main: created },
      expect: ['initialized'],
    },
    {
      name: 'do not look at failures from before the regular containers ran',
      policy: 'Never',
      records: { main: runs, i3: exited(1) },
      expect: ['initialized'],
    },
    {
      name: 'begin again if regular containers have exited: that may have been before a reboot',
      records: { main: exited(0) },
      expect: ['start i1'],
    },
    {
      name: 'begin again if a regular container is in an unknown state',
      records: { main: unknown },
      expect: ['start i1'],
    },
  ];
  for (const row of rows)
    it(row.name, () => {
      check([spec('i1'), spec('i2'), spec('i3')], row);
    });

  it('are through where there are none', () => {
    check([], { name: '', records: {}, expect: ['initialized'] });
  });
});

describe('a sidecar', () => {
  const rows: Row[] = [
    { name: 'lets the next start once it runs', records: { s1: runs }, expect: ['start i2'] },
    {
      name: 'makes the next wait until its startup probe has run',
      own: { s1: { startupProbe: probe } },
      records: { s1: runs },
      expect: [],
    },
    {
      name: 'makes the next wait while its startup probe has not succeeded',
      own: { s1: { startupProbe: probe } },
      records: { s1: runs },
      probes: { startup: { s1: 'unknown' } },
      expect: [],
    },
    {
      name: 'lets the next start once its startup probe has succeeded',
      own: { s1: { startupProbe: probe } },
      records: { s1: runs },
      probes: { startup: { s1: 'success' } },
      expect: ['start i2'],
    },
    {
      name: 'is restarted if its startup probe failed, and the next waits',
      own: { s1: { startupProbe: probe } },
      records: { s1: runs },
      probes: { startup: { s1: 'failure' } },
      expect: ['kill s1: startup-probe', 'start s1'],
    },
    {
      name: 'lets the next start before its liveness probe has run',
      own: { s1: { livenessProbe: probe } },
      records: { s1: runs },
      expect: ['start i2'],
    },
    {
      name: 'is restarted if its liveness probe failed, and the next starts',
      own: { s1: { livenessProbe: probe } },
      records: { s1: runs },
      probes: { liveness: { s1: 'failure' } },
      expect: ['kill s1: liveness-probe', 'start s1', 'start i2'],
    },
    {
      name: 'is not judged by results of probes that it does not have',
      records: { s1: runs },
      probes: { liveness: { s1: 'failure' }, startup: { s1: 'failure' } },
      expect: ['start i2'],
    },
    {
      name: 'is restarted if its image changed, and the next starts',
      records: { s1: { ...runs, ...madeOtherwise } },
      expect: ['kill s1: changed', 'start s1', 'start i2'],
    },
    {
      name: 'with another image is first of all waited for',
      own: { s1: { startupProbe: probe } },
      records: { s1: { ...runs, ...madeOtherwise } },
      expect: [],
    },
    {
      name: 'with another image is stopped for that and not for its liveness probe',
      own: { s1: { livenessProbe: probe } },
      records: { s1: { ...runs, ...madeOtherwise } },
      probes: { liveness: { s1: 'failure' } },
      expect: ['kill s1: changed', 'start s1', 'start i2'],
    },
    {
      name: 'whose record has no hash is taken for unchanged',
      records: { s1: { ...runs, annotations: {} } },
      expect: ['start i2'],
    },
    {
      name: 'restarts when it has failed, under Never too',
      policy: 'Never',
      records: { s1: exited(1) },
      expect: ['start s1'],
    },
    {
      name: 'restarts when it has exited with 0, under Never too',
      policy: 'Never',
      records: { s1: exited(0) },
      expect: ['start s1'],
    },
    {
      name: 'in an unknown state is stopped and started again, under Never too',
      policy: 'Never',
      records: { s1: unknown },
      expect: ['kill s1: unknown-state', 'start s1'],
    },
    { name: 'that was never started is made again', records: { s1: created }, expect: ['start s1'] },
    {
      name: 'that has exited is started again beside the init container that runs',
      records: { s1: exited(1), i2: runs },
      expect: ['start s1'],
    },
    {
      name: 'whose record is gone is started again beside the init container that runs',
      records: { i2: runs },
      expect: ['start s1'],
    },
    {
      name: 'is the last: its start ends the initialization',
      records: { s1: runs, i2: exited(0), s3: runs },
      expect: ['initialized'],
    },
    {
      name: 'is the last and has exited: the initialization waits for it',
      records: { s1: runs, i2: exited(0), s3: exited(0) },
      expect: ['start s3'],
    },
    {
      name: 'is the last and restarts for its liveness probe: the initialization does not wait',
      own: { s3: { livenessProbe: probe } },
      records: { s1: runs, i2: exited(0), s3: runs },
      probes: { liveness: { s3: 'failure' } },
      expect: ['kill s3: liveness-probe', 'start s3', 'initialized'],
    },
    {
      name: 'is kept alive after the initialization',
      records: { main: runs, s1: exited(1), s3: runs },
      expect: ['start s1', 'initialized'],
    },
    {
      name: 'whose record is gone is started again after the initialization; others are not',
      records: { main: runs, s3: runs },
      expect: ['start s1', 'initialized'],
    },
    {
      name: 'is started again in the order of the pod',
      records: { main: runs, s1: exited(0), s3: exited(0) },
      expect: ['start s1', 'start s3', 'initialized'],
    },
    {
      name: 'that waits for its startup probe holds nothing up after the initialization',
      own: { s3: { startupProbe: probe } },
      records: { main: runs, s1: runs, s3: runs },
      expect: ['initialized'],
    },
  ];
  for (const row of rows)
    it(row.name, () => {
      check([sidecar('s1'), spec('i2'), sidecar('s3')], row);
    });
});

describe('what the Killing event of an init container says', () => {
  const rows: [name: string, change: Partial<ObservedContainer>, probes: Row['probes'], message: string][] = [
    ['for its image', madeOtherwise, { startup: { s: 'success' } }, 'Init container s definition changed'],
    [
      'for its liveness probe',
      {},
      { startup: { s: 'success' }, liveness: { s: 'failure' } },
      'Init container s failed liveness probe',
    ],
    ['for its startup probe', {}, { startup: { s: 'failure' } }, 'Init container s failed startup probe'],
    ['for its state', unknown, {}, 'Init container is in "unknown" state, try killing it before restart'],
  ];
  const subject = pod({
    spec: { initContainers: [sidecar('s', { livenessProbe: probe, startupProbe: probe })] },
  });
  for (const [name, change, probes, message] of rows)
    it(name, () => {
      const { kill } = initActions(subject, holding(subject, { s: change }), probesSaying(probes));
      assert.deepEqual(
        kill.map((each) => each.message),
        [message],
      );
    });
});
