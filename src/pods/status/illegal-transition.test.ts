import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Container, ContainerStatus, Pod, PodStatus } from '../../model/kube.ts';
import { pod } from '../../testing/fixtures.ts';
import { illegalTransition } from './illegal-transition.ts';

const said = (state: ContainerStatus['state']): ContainerStatus[] => [
  { name: 'c', state: state ?? {}, ready: false, restartCount: 0, image: '', imageID: '' },
];
const over = (exitCode: number): ContainerStatus[] => said({ terminated: { exitCode } });
const waiting = said({ waiting: { reason: 'CrashLoopBackOff' } });
const running = said({ running: {} });

function podWith(restartPolicy: string, spec: Partial<Container> = {}, init = false): Pod {
  const container = { name: 'c', image: 'i', ...spec };
  return pod({
    spec: init
      ? { restartPolicy, containers: [{ name: 'main', image: 'i' }], initContainers: [container] }
      : { restartPolicy, containers: [container] },
  });
}

describe('a container that is over', () => {
  const rule = (action: string): Partial<Container> => ({
    restartPolicy: 'Never',
    restartPolicyRules: [{ action, exitCodes: { operator: 'In', values: [42] } }],
  });
  const rows: readonly {
    readonly what: string;
    readonly pod: Pod;
    readonly from: ContainerStatus[];
    readonly to: ContainerStatus[];
    readonly illegal: boolean;
  }[] = [
    { what: 'always begins again', pod: podWith('Always'), from: over(1), to: waiting, illegal: false },
    { what: 'never begins again', pod: podWith('Never'), from: over(1), to: waiting, illegal: true },
    { what: 'is not seen to run', pod: podWith('Never'), from: over(0), to: running, illegal: true },
    { what: 'stays over', pod: podWith('Never'), from: over(1), to: over(1), illegal: false },
    { what: 'is told of no more', pod: podWith('Never'), from: over(1), to: [], illegal: false },
    { what: 'was never over', pod: podWith('Never'), from: running, to: waiting, illegal: false },
    {
      what: 'begins again after a failure',
      pod: podWith('OnFailure'),
      from: over(1),
      to: waiting,
      illegal: false,
    },
    {
      what: 'does not after a success',
      pod: podWith('OnFailure'),
      from: over(0),
      to: waiting,
      illegal: true,
    },
    {
      what: 'begins again by its rule',
      pod: podWith('Never', rule('Restart')),
      from: over(42),
      to: running,
      illegal: false,
    },
    {
      what: 'does not by a rule for another code',
      pod: podWith('Never', rule('Restart')),
      from: over(1),
      to: running,
      illegal: true,
    },
    {
      what: 'begins again with all others',
      pod: podWith('Never', rule('RestartAllContainers')),
      from: over(1),
      to: waiting,
      illegal: false,
    },
    {
      what: 'of its own policy',
      pod: podWith('Never', { restartPolicy: 'Always' }),
      from: over(0),
      to: waiting,
      illegal: false,
    },
  ];
  for (const row of rows) {
    it(row.what, () => {
      const found = illegalTransition(
        row.pod,
        { containerStatuses: row.from },
        { containerStatuses: row.to },
      );
      assert.equal(
        found,
        row.illegal
          ? 'terminated container c attempted illegal transition to non-terminated state'
          : undefined,
      );
    });
  }

  it('is meant of init containers too, but not of sidecars', () => {
    const [from, to]: PodStatus[] = [{ initContainerStatuses: over(0) }, { initContainerStatuses: running }];
    assert.equal(
      illegalTransition(podWith('Never', {}, true), from ?? {}, to ?? {}),
      'terminated init container c attempted illegal transition to non-terminated state',
    );
    assert.equal(
      illegalTransition(podWith('Never', { restartPolicy: 'Always' }, true), from ?? {}, to ?? {}),
      undefined,
    );
  });
});
