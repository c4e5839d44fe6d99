import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Container, ContainerStatus, PodStatus } from '../../model/kube.ts';
import { podRef } from '../../model/pod-ref.ts';
import { emptyRuntimeState } from '../../model/runtime-state.ts';
import { container, pod, sandbox } from '../../testing/fixtures.ts';
import { podStatus, type StatusInput } from './status.ts';

type Result = ReturnType<StatusInput['probes']['startup']>;

interface Row {
  readonly what: string;
  readonly spec: Partial<Container>;
  readonly startup?: Result;
  readonly readiness?: Result;
  /** what the status said before; absent: nothing */
  readonly before?: { readonly id: string; readonly started: boolean; readonly ready: boolean };
  readonly expected: { readonly started: boolean; readonly ready: boolean };
}

const probe = { exec: { command: ['true'] } };
const was = { id: 'c1', started: true, ready: true };
const yes = { started: true, ready: true };
const no = { started: false, ready: false };

const rows: readonly Row[] = [
  { what: 'a container without probes', spec: {}, expected: yes },
  { what: 'a startup probe that passed', spec: { startupProbe: probe }, startup: 'success', expected: yes },
  {
    what: 'a startup probe that has not passed',
    spec: { startupProbe: probe },
    startup: 'unknown',
    expected: no,
  },
  { what: 'a startup probe that has not run', spec: { startupProbe: probe }, expected: no },
  {
    what: 'a startup probe that passed and was stopped with the pod',
    spec: { startupProbe: probe },
    before: was,
    expected: yes,
  },
  {
    what: 'a startup probe that another container passed',
    spec: { startupProbe: probe },
    before: { ...was, id: 'c0' },
    expected: no,
  },
  {
    what: 'a readiness probe that fails',
    spec: { readinessProbe: probe },
    readiness: 'failure',
    before: was,
    expected: { started: true, ready: false },
  },
  {
    what: 'a readiness probe that did not run since farlet started',
    spec: { readinessProbe: probe },
    before: was,
    expected: yes,
  },
];

describe('started and ready of a running container', () => {
  for (const { what, spec, startup, readiness, before, expected } of rows)
    it(`follow ${what}`, () => {
      const former: ContainerStatus[] =
        before === undefined
          ? []
          : [
              {
                name: 'c',
                containerID: `containerd://${before.id}`,
                started: before.started,
                ready: before.ready,
                restartCount: 0,
                image: '',
                imageID: '',
              },
            ];
      const { containerStatuses } = podStatus({
        pod: pod({ spec: { containers: [{ name: 'c', image: 'i', ...spec }] } }),
        state: {
          uid: 'uid-web',
          name: 'web',
          namespace: 'default',
          sandboxes: [sandbox()],
          containers: [container({ id: 'c1', state: 'running' })],
          ips: ['10.0.0.2'],
          observedAt: 0,
        },
        previous: { containerStatuses: former },
        failure: () => undefined,
        probes: { startup: () => startup, readiness: () => readiness },
        terminationMessage: () => undefined,
        hostIPs: ['192.0.2.1'],
        runtimeName: 'containerd',
        isTerminal: false,
        isComplete: true,
        now: 0,
      });
      const [status] = containerStatuses ?? [];
      assert.deepEqual({ started: status?.started, ready: status?.ready }, expected);
    });
});

describe('reason and message of a status', () => {
  const told = { reason: 'OfOthers', message: 'they said so' };
  const own = { reason: 'Own', message: 'we said so' };
  const rows: [string, PodStatus, PodStatus, object][] = [
    ['are kept with the phase', { phase: 'Running', ...own }, { phase: 'Running', ...told }, own],
    ['are taken from others who told them', { phase: 'Running' }, { phase: 'Running', ...told }, told],
    ['go with the phase', { phase: 'Pending', ...own }, { phase: 'Pending', ...told }, {}],
  ];
  for (const [name, previous, shown, expect] of rows)
    it(name, () => {
      const { reason, message } = podStatus({
        pod: pod({ status: shown }),
        state: { ...emptyRuntimeState(podRef(pod()), 0), sandboxes: [sandbox()], containers: [container()] },
        previous,
        failure: () => undefined,
        probes: { startup: () => undefined, readiness: () => undefined },
        terminationMessage: () => undefined,
        hostIPs: ['192.0.2.1'],
        runtimeName: 'containerd',
        isTerminal: false,
        isComplete: true,
        now: 0,
      });
      assert.deepEqual({ reason, message }, { reason: undefined, message: undefined, ...expect });
    });
});

describe('an ephemeral container that could not start', () => {
  const failure = { reason: 'RunContainerError', message: 'stat /nope: no such file or directory' };
  const shown = (restartPolicy: string): ContainerStatus['state'] => {
    const { ephemeralContainerStatuses } = podStatus({
      pod: pod({ spec: { restartPolicy, ephemeralContainers: [{ name: 'e', image: 'i' }] } }),
      state: {
        ...emptyRuntimeState(podRef(pod()), 0),
        sandboxes: [sandbox()],
        containers: [container(), container({ id: 'c2', name: 'e', state: 'exited', exitCode: 128 })],
      },
      previous: {},
      failure: (name) => (name === 'e' ? failure : undefined),
      probes: { startup: () => undefined, readiness: () => undefined },
      terminationMessage: () => undefined,
      hostIPs: ['192.0.2.1'],
      runtimeName: 'containerd',
      isTerminal: false,
      isComplete: true,
      now: 0,
    });
    return ephemeralContainerStatuses?.[0]?.state;
  };

  it('waits, as far as the pod restarts its containers', () => {
    assert.deepEqual(shown('Always'), { waiting: failure });
    assert.equal(shown('Never')?.terminated?.exitCode, 128);
  });
});

describe('messages of ended containers', () => {
  // 12288 bytes for all containers of a pod
  const rows: { name: string; containers: number; message: string; expect: string }[] = [
    { name: 'are told whole', containers: 1, message: 'x'.repeat(4096), expect: 'x'.repeat(4096) },
    { name: 'share the room', containers: 6, message: 'x'.repeat(4096), expect: 'x'.repeat(2048) },
    {
      name: 'are cut within a character, whose bytes are told one by one',
      containers: 6,
      message: `${'x'.repeat(2046)}\u{1f600}`,
      expect: `${'x'.repeat(2046)}\ufffd\ufffd`,
    },
    {
      name: 'are told a byte at a time where they are no text',
      containers: 1,
      message: 'a\udcf0\udc9f\udce9',
      expect: 'a\ufffd\ufffd\ufffd',
    },
    {
      name: 'count their bytes as they were',
      containers: 6,
      message: '\udce9'.repeat(2049),
      expect: '\ufffd'.repeat(2048),
    },
  ];
  for (const { name, containers, message, expect } of rows)
    it(name, () => {
      const names = Array.from({ length: containers }, (_, index) => `c${String(index)}`);
      const { containerStatuses } = podStatus({
        pod: pod({
          spec: { containers: names.map((each) => ({ name: each, image: 'i' })), restartPolicy: 'Never' },
        }),
        state: {
          uid: 'uid-web',
          name: 'web',
          namespace: 'default',
          sandboxes: [sandbox()],
          containers: [container({ id: 'e', name: 'c0', state: 'exited', exitCode: 1 })],
          ips: ['10.0.0.2'],
          observedAt: 0,
        },
        previous: {},
        failure: () => undefined,
        probes: { startup: () => undefined, readiness: () => undefined },
        terminationMessage: () => message,
        hostIPs: ['192.0.2.1'],
        runtimeName: 'containerd',
        isTerminal: false,
        isComplete: true,
        now: 0,
      });
      assert.equal(containerStatuses?.[0]?.state?.terminated?.message, expect);
    });
});
