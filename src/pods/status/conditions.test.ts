import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ContainerStatus, Pod, PodCondition } from '../../model/kube.ts';
import { pod } from '../../testing/fixtures.ts';
import { podConditions, type ConditionsInput } from './conditions.ts';

const gate = 'example.com/routed';
const gated = pod({ spec: { readinessGates: [{ conditionType: gate }] } });
const c = (more: Partial<ContainerStatus>): ContainerStatus => ({
  name: 'c',
  state: { running: {} },
  ready: true,
  started: true,
  restartCount: 0,
  image: '',
  imageID: '',
  ...more,
});

function conditions(change: Partial<ConditionsInput> & { readonly pod: Pod }): PodCondition[] {
  const rest = { phase: 'Running', init: [], regular: [c({})], sandboxReady: true, now: 'now' } as const;
  return podConditions({ ...rest, previous: [], shown: [], ...change });
}

const one = (list: readonly PodCondition[], type: string): Partial<PodCondition> | undefined =>
  list.find((each) => each.type === type);

describe('readiness gates', () => {
  const rows: readonly { what: string; shown: PodCondition[]; status: string; message?: string }[] = [
    {
      what: 'no such condition',
      shown: [],
      status: 'False',
      message: `corresponding condition of pod readiness gate "${gate}" does not exist.`,
    },
    {
      what: 'a condition that is not True',
      shown: [{ type: gate, status: 'Unknown' }],
      status: 'False',
      message: `the status of pod readiness gate "${gate}" is not "True", but Unknown`,
    },
    { what: 'a condition that is True', shown: [{ type: gate, status: 'True' }], status: 'True' },
  ];
  for (const { what, shown, status, message } of rows)
    it(`go by the API server's conditions: ${what}`, () => {
      // what was known before does not count
      const previous = [{ type: gate, status: status === 'True' ? 'False' : 'True' }];
      const found = one(conditions({ pod: gated, shown, previous }), 'Ready');
      assert.deepEqual([found?.status, found?.message], [status, message]);
      assert.equal(found?.reason, status === 'True' ? undefined : 'ReadinessGatesNotReady');
    });

  it('say nothing while containers are not ready', () => {
    const found = one(conditions({ pod: gated, regular: [c({ ready: false })] }), 'Ready');
    assert.partialDeepStrictEqual(found, {
      reason: 'ContainersNotReady',
      message: 'containers with unready status: [c]',
    });
  });
});

describe('conditions', () => {
  it('of others are kept as the API server shows them, and DisruptionTarget as it was set here', () => {
    const shown = [
      { type: 'example.com/a', status: 'False' },
      { type: 'DisruptionTarget', status: 'False' },
      { type: 'Ready', status: 'Unknown' },
    ];
    const previous = [
      { type: 'example.com/a', status: 'True' },
      { type: 'example.com/gone', status: 'True' },
      { type: 'DisruptionTarget', status: 'True', reason: 'TerminationByKubelet' },
    ];
    const found = conditions({ pod: pod(), shown, previous });
    assert.deepEqual(found.slice(0, 2), [
      { type: 'example.com/a', status: 'False' },
      { type: 'DisruptionTarget', status: 'True', reason: 'TerminationByKubelet' },
    ]);
    assert.ok(!found.some(({ type }) => type === 'example.com/gone'));
    assert.equal(found.filter(({ type }) => type === 'Ready').length, 1);
  });

  it('carry the generation, and the time since when they hold', () => {
    const previous = [
      { type: 'Ready', status: 'True', lastTransitionTime: 'then' },
      { type: 'ContainersReady', status: 'False', lastTransitionTime: 'then' },
    ];
    const found = conditions({ pod: pod({ metadata: { generation: 4 } }), previous });
    assert.partialDeepStrictEqual(one(found, 'Ready'), { lastTransitionTime: 'then', observedGeneration: 4 });
    assert.partialDeepStrictEqual(one(found, 'ContainersReady'), { lastTransitionTime: 'now' });
  });

  it('name init containers of which nothing is known apart from those that are not through', () => {
    const initContainers = ['a', 'b', 'd'].map((name) => ({ name, image: 'i' }));
    const waiting = { state: { waiting: {} }, ready: false, started: false };
    const found = conditions({
      pod: pod({ spec: { initContainers } }),
      phase: 'Pending',
      init: [c({ name: 'a', state: { terminated: { exitCode: 0 } } }), c({ name: 'd', ...waiting })],
      regular: [c(waiting)],
    });
    assert.partialDeepStrictEqual(one(found, 'Initialized'), {
      status: 'False',
      reason: 'ContainersNotInitialized',
      message: 'containers with unknown status: [b], containers with incomplete status: [d]',
    });
  });
});
