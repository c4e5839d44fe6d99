import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Container, ContainerStatus, Pod, PodStatus } from '../../model/kube.ts';
import { pod } from '../../testing/fixtures.ts';
import { finalStatus, mergePodStatus, rejectedStatus } from './merge-status.ts';

type State = 'waiting' | 'running' | 'done' | 'failed' | 'unknown';

const states: Readonly<Record<State, NonNullable<ContainerStatus['state']>>> = {
  waiting: { waiting: { reason: 'PodInitializing' } },
  running: { running: { startedAt: 't' } },
  done: { terminated: { exitCode: 0 } },
  failed: { terminated: { exitCode: 4 } },
  unknown: {
    terminated: {
      exitCode: 137,
      reason: 'ContainerStatusUnknown',
      message: 'The container could not be located when the pod was terminated',
    },
  },
};
const names = (prefix: string, list: readonly unknown[]): string[] =>
  list.map((_, index) => `${prefix}${index}`);

function status(name: string, state: State): ContainerStatus {
  return {
    name,
    state: states[state],
    ready: false,
    restartCount: 0,
    image: '',
    imageID: '',
    started: false,
  };
}

interface Row {
  readonly what: string;
  readonly init?: readonly State[];
  readonly sidecarLast?: boolean;
  readonly lastStarted?: boolean;
  readonly regular: readonly State[];
  readonly expected: { readonly init?: readonly State[]; readonly regular: readonly State[] };
}

const rows: readonly Row[] = [
  { what: 'what runs is unknown', regular: ['running', 'done'], expected: { regular: ['unknown', 'done'] } },
  {
    what: 'what waits in a pod without init containers is unknown',
    regular: ['waiting'],
    expected: { regular: ['unknown'] },
  },
  {
    what: 'what a failed init container kept from starting stays as it is',
    init: ['failed', 'waiting'],
    regular: ['waiting'],
    expected: { init: ['failed', 'waiting'], regular: ['waiting'] },
  },
  {
    what: 'an init container that never started is unknown if it is the first',
    init: ['waiting', 'waiting'],
    regular: ['waiting'],
    expected: { init: ['unknown', 'waiting'], regular: ['waiting'] },
  },
  {
    what: 'what waits after the last init container was through is unknown',
    init: ['done', 'done'],
    regular: ['waiting'],
    expected: { init: ['done', 'done'], regular: ['unknown'] },
  },
  {
    what: 'what waits beside a container that began is unknown',
    init: ['done', 'failed'],
    regular: ['done', 'waiting'],
    expected: { init: ['done', 'failed'], regular: ['done', 'unknown'] },
  },
  {
    what: 'what waits after a sidecar that started is unknown',
    init: ['running'],
    sidecarLast: true,
    lastStarted: true,
    regular: ['waiting'],
    expected: { init: ['unknown'], regular: ['unknown'] },
  },
  {
    what: 'what waits for a sidecar to start stays as it is',
    init: ['running'],
    sidecarLast: true,
    regular: ['waiting'],
    expected: { init: ['unknown'], regular: ['waiting'] },
  },
];

function podOf({ init = [], sidecarLast = false, regular }: Row): Pod {
  const initContainers = names('i', init).map((name, index): Container => ({
    name,
    ...(sidecarLast && index === init.length - 1 && { restartPolicy: 'Always' }),
  }));
  const containers = names('c', regular).map((name) => ({ name }));
  return pod({ spec: { containers, ...(init.length > 0 && { initContainers }) } });
}

describe('the last status of a pod (TerminatePod)', () => {
  for (const row of rows)
    it(row.what, () => {
      const { init = [], regular, expected, lastStarted = false } = row;
      const of = (prefix: string, list: readonly State[]): ContainerStatus[] =>
        list.map((state, index) => status(`${prefix}${index}`, state));
      const last = finalStatus(
        {
          phase: 'Running',
          ...(init.length > 0 && {
            initContainerStatuses: of('i', init).map((each) => ({ ...each, started: lastStarted })),
          }),
          containerStatuses: of('c', regular),
        },
        podOf(row),
      );
      const found = (list: readonly ContainerStatus[] | undefined): unknown =>
        list?.map(({ state }) => state);
      assert.deepEqual(
        found(last.containerStatuses),
        expected.regular.map((state) => states[state]),
      );
      assert.deepEqual(
        found(last.initContainerStatuses),
        expected.init?.map((state) => states[state]),
      );
      assert.equal(last.phase, 'Failed');
    });

  it('keeps a phase that is final', () => {
    assert.equal(finalStatus({ phase: 'Succeeded' }, pod()).phase, 'Succeeded');
  });
});

describe('the status of a rejected pod', () => {
  const before: PodStatus = {
    phase: 'Pending',
    qosClass: 'Burstable',
    conditions: [{ type: 'PodScheduled', status: 'True' }],
  };
  const rejected = rejectedStatus(pod({ status: before }), { reason: 'OutOfcpu', message: 'no' }, 0);

  it('has nothing of the one before but the QoS class', () => {
    assert.deepEqual(rejected, {
      phase: 'Failed',
      reason: 'OutOfcpu',
      message: 'Pod was rejected: no',
      qosClass: 'Burstable',
      startTime: '1970-01-01T00:00:00Z',
      observedGeneration: 1,
    });
  });

  it("takes the kubelet's conditions away and leaves those of others", () => {
    const gate = { type: 'example.com/gate', status: 'True' };
    const api = { ...before, conditions: [gate, ...(before.conditions ?? [])] };
    assert.deepEqual(mergePodStatus(api, rejected, { mayRun: false }).conditions, [gate]);
  });
});
