import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CurrentLimits } from '../../resources/cgroups/read-limits.ts';
import { podLimits, type CgroupLimits } from '../../resources/cgroups/pod-limits.ts';
import { FakeCri, criFault } from '../../testing/fake-host.ts';
import { container, linuxHost, pod, sandbox } from '../../testing/fixtures.ts';
import type { Container, Pod, ResourceRequirements } from '../../model/kube.ts';
import type { PodActions } from '../../model/pod-actions.ts';
import { containerAmounts, type ResourceAmounts } from '../../model/resource-amounts.ts';
import {
  emptyRuntimeState,
  type ObservedContainer,
  type PodRuntimeState,
} from '../../model/runtime-state.ts';
import { ActuatedResources } from './actuated-resources.ts';
import { isResizeInProgress, planResize } from './plan-resize.ts';
import { PodResizer } from './pod-resizer.ts';
import { shrinkProblems } from './shrink-problems.ts';

const settings = { cpuCFSQuota: true, cpuCFSQuotaPeriod: 100_000 };
const amounts = (change: Partial<ResourceAmounts> = {}): ResourceAmounts => ({
  cpuRequest: 100n,
  cpuLimit: 200n,
  memoryRequest: 1n << 20n,
  memoryLimit: 2n << 20n,
  ...change,
});
const requirements = ({
  cpuRequest,
  cpuLimit,
  memoryRequest,
  memoryLimit,
}: ResourceAmounts): ResourceRequirements => ({
  requests: { cpu: `${cpuRequest}m`, memory: String(memoryRequest) },
  limits: { cpu: `${cpuLimit}m`, memory: String(memoryLimit) },
});
const named = (name: string, of: ResourceAmounts, more: Partial<Container> = {}): Container => ({
  name,
  image: 'i',
  resources: requirements(of),
  ...more,
});
const podOf = (...containers: Container[]): Pod => pod({ spec: { containers } });
const stateOf = (...containers: ObservedContainer[]): PodRuntimeState => ({
  ...emptyRuntimeState({ uid: 'uid-web', name: 'web', namespace: 'default' }, 0),
  sandboxes: [sandbox()],
  containers,
});
const idle: PodActions = {
  killPod: false,
  createSandbox: false,
  sandbox: sandbox(),
  attempt: 0,
  kill: [],
  reset: [],
  startEphemeral: [],
  startInit: [],
  start: [],
};
/** Every container has the same now. */
const has = (now: ResourceAmounts) => ({ ofContainer: () => now, ofPod: () => amounts() });

describe('planning a resize', () => {
  const plan = (owner: Pod, now: ResourceAmounts, state = stateOf(container())) =>
    planResize({ pod: owner, state, actuated: has(now) }, idle);

  it('has nothing to do where all is as it should be', () => {
    const owner = podOf(named('c', amounts()));
    assert.deepEqual(plan(owner, amounts()), { actions: idle, resize: undefined });
    assert.equal(
      isResizeInProgress({ pod: owner, state: stateOf(container()), actuated: has(amounts()) }),
      false,
    );
  });

  it('takes what differs, resource by resource', () => {
    const { resize } = plan(podOf(named('c', amounts({ cpuLimit: 300n }))), amounts());
    assert.deepEqual([resize?.cpu.length, resize?.memory.length, resize?.podChanges], [1, 0, false]);
    const request = plan(podOf(named('c', amounts({ memoryRequest: 5n }))), amounts());
    assert.deepEqual([request.resize?.cpu.length, request.resize?.memory.length], [0, 1]);
  });

  it('lets what shrinks go before what grows', () => {
    const owner = podOf(
      named('grows', amounts({ cpuLimit: 300n })),
      named('shrinks', amounts({ cpuLimit: 150n })),
    );
    const state = stateOf(container({ id: '1', name: 'grows' }), container({ id: '2', name: 'shrinks' }));
    assert.deepEqual(
      plan(owner, amounts(), state).resize?.cpu.map(({ id }) => id),
      ['2', '1'],
    );
  });

  it('restarts a container whose policy asks for it', () => {
    const policy = [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }];
    const c = named('c', amounts({ memoryLimit: 3n << 20n }), { resizePolicy: policy });
    const { actions, resize } = plan(podOf(c), amounts());
    assert.equal(actions.kill[0]?.message, 'Container c resize requires restart');
    assert.deepEqual(
      actions.start.map(({ spec }) => spec.name),
      ['c'],
    );
    assert.deepEqual(resize, { memory: [], cpu: [], podChanges: true });
    const cpu = named('c', amounts({ cpuLimit: 300n }), { resizePolicy: policy });
    assert.equal(plan(podOf(cpu), amounts()).actions.kill.length, 0);
  });

  it('leaves alone what does not run, or is killed anyway', () => {
    const owner = podOf(named('c', amounts({ cpuLimit: 300n })));
    assert.equal(plan(owner, amounts(), stateOf(container({ state: 'exited' }))).resize, undefined);
    const kill = [{ container: container(), name: 'c', message: '', reason: 'changed' as const }];
    const input = { pod: owner, state: stateOf(container()), actuated: has(amounts()) };
    assert.equal(planResize(input, { ...idle, kill }).resize, undefined);
    assert.equal(planResize(input, { ...idle, killPod: true }).resize, undefined);
  });

  it("takes the pod's own resources", () => {
    const owner = { ...podOf({ name: 'c', image: 'i' }) };
    owner.spec.resources = requirements(amounts({ cpuRequest: 500n }));
    const now = containerAmounts(owner, { name: 'c', image: 'i' });
    assert.deepEqual(plan(owner, now).resize, { memory: [], cpu: [], podChanges: true });
  });
});

describe('what a container really has', () => {
  const make = (): ActuatedResources => new ActuatedResources({ settings, hasExclusiveCpus: () => false });
  const c = named('c', amounts());
  const reported = (change: Partial<ResourceAmounts>): Pod => ({
    ...podOf(c),
    status: {
      containerStatuses: [
        {
          name: 'c',
          image: '',
          imageID: '',
          ready: true,
          restartCount: 0,
          containerID: 'containerd://c1',
          state: { running: { startedAt: '2026-01-01T00:00:00Z' } },
          resources: requirements(amounts(change)),
        },
      ],
    },
  });
  const resources = { cpuPeriod: 100_000, cpuQuota: 20_000, cpuShares: 102, memoryLimitBytes: 2 << 20 };
  const cases: [string, Pod, Partial<ObservedContainer>, Partial<ResourceAmounts>][] = [
    ['what it should, where nobody tells', podOf(c), {}, {}],
    ['what its runtime tells', podOf(c), { resources }, {}],
    [
      'a limit that its runtime tells',
      podOf(c),
      { resources: { ...resources, cpuQuota: 15_000 } },
      { cpuLimit: 150n },
    ],
    ['no limit', podOf(c), { resources: { ...resources, cpuQuota: -1 } }, { cpuLimit: 0n }],
    [
      'shares that its runtime tells',
      podOf(c),
      { resources: { ...resources, cpuShares: 512 } },
      { cpuRequest: 500n },
    ],
    ['what its status tells of it', reported({ cpuLimit: 111n }), {}, { cpuLimit: 111n }],
    ['a memory request by its status', reported({ memoryRequest: 7n }), { resources }, { memoryRequest: 7n }],
    ['nothing by the status of another', reported({ cpuLimit: 111n }), { id: 'c2' }, {}],
  ];
  for (const [what, owner, observed, expected] of cases)
    it(what, () => {
      assert.deepEqual(make().ofContainer(owner, c, container(observed)), amounts(expected));
    });

  it('what farlet set, before all', () => {
    const actuated = make();
    actuated.setContainer('uid-web', 'c1', amounts({ cpuLimit: 5n }));
    assert.equal(actuated.ofContainer(podOf(c), c, container({ resources })).cpuLimit, 5n);
    actuated.forget('uid-web');
    assert.equal(actuated.ofContainer(podOf(c), c, container({ resources })).cpuLimit, 200n);
  });
});

describe('carrying out a resize', () => {
  const host = linuxHost({ memoryCapacityBytes: 2 ** 30, cgroupVersion: 1 });
  function bench(
    now: Partial<CurrentLimits> | undefined,
    answers: ConstructorParameters<typeof FakeCri>[0] = {},
  ) {
    const cri = new FakeCri(answers);
    const done: string[] = [];
    const set: string[] = [];
    const current: CurrentLimits | undefined =
      now === undefined
        ? undefined
        : {
            cpuShares: 102,
            cpuQuota: 20_000,
            cpuPeriod: 100_000,
            memoryBytes: 2 << 20,
            memoryUsedBytes: 1,
            ...now,
          };
    const resizer = new PodResizer({
      cri: cri.client,
      cgroups: {
        read: () => Promise.resolve(current),
        wanted: (owner) => podLimits(owner, settings),
        update: (_, limits: CgroupLimits) => {
          done.push(`pod ${Object.keys(limits).join(' ')}`);
          cri.calls.push({ method: 'pod', request: { ...limits } });
          return Promise.resolve();
        },
      },
      actuated: {
        setContainer: (_, id, { cpuLimit, memoryLimit }) => set.push(`${id} ${cpuLimit} ${memoryLimit}`),
        setPod: () => set.push('pod'),
      },
      settings,
      linuxHost: () => host,
    });
    const resize = (owner: Pod, before: ResourceAmounts): Promise<void> => {
      const { resize: plan } = planResize(
        { pod: owner, state: stateOf(container()), actuated: has(before) },
        idle,
      );
      assert.ok(plan !== undefined);
      return resizer.resize(owner, { plan, sandboxId: 's1' }, { signal: new AbortController().signal });
    };
    return { cri, resize, set };
  }
  const stats = (used: number) => ({
    listContainerStats: () => ({
      stats: [{ attributes: { id: 'c1' }, memory: { usage_bytes: { value: used } } }],
    }),
  });

  it('gives the pod room before its container grows', async () => {
    const { cri, resize, set } = bench({});
    const owner = podOf(named('c', amounts({ cpuLimit: 300n, cpuRequest: 150n, memoryLimit: 4n << 20n })));
    await resize(owner, amounts());
    assert.deepEqual(cri.names(['updatePodSandboxResources']), [
      'pod',
      'updateContainerResources',
      'pod',
      'pod',
      'updateContainerResources',
    ]);
    assert.deepEqual(set, [`c1 200 ${4 << 20}`, `c1 300 ${4 << 20}`]);
    const updates = cri.calls.filter(({ method }) => method === 'updateContainerResources');
    assert.deepEqual(
      updates.map(({ request }) => (request.linux as { cpu_quota: number }).cpu_quota),
      [20_000, 30_000],
    );
  });

  it('takes room from the pod after its container has shrunk', async () => {
    const { cri, resize } = bench({}, stats(1));
    await resize(podOf(named('c', amounts({ cpuLimit: 150n, memoryLimit: 1n << 20n }))), amounts());
    assert.deepEqual(cri.names(['updatePodSandboxResources', 'listContainerStats']), [
      'updateContainerResources',
      'pod',
      'updateContainerResources',
      'pod',
    ]);
  });

  it('asks for no less memory than is used', async () => {
    const { cri, resize, set } = bench({ memoryUsedBytes: 2 << 20 }, stats(1 << 20));
    await assert.rejects(resize(podOf(named('c', amounts({ memoryLimit: 1n << 20n }))), amounts()), {
      message:
        'cannot decrease memory limits: [attempting to set pod memory limit (1048576) below current usage (2097152), attempting to set container "c" memory limit (1048576) below current usage (1048576)]',
    });
    assert.deepEqual(cri.names(['listContainerStats']), []);
    assert.deepEqual(set, []);
  });

  it('does without a group of the pod', async () => {
    const { cri, resize } = bench(undefined);
    await resize(podOf(named('c', amounts({ cpuLimit: 300n }))), amounts());
    assert.deepEqual(cri.names(), ['updateContainerResources']);
  });

  it('asks a runtime that can not be told of the pod only once', async () => {
    const updatePodSandboxResources = (): never => {
      throw criFault('not implemented', 'unimplemented');
    };
    const { cri, resize } = bench({}, { updatePodSandboxResources });
    await resize(podOf(named('c', amounts({ cpuLimit: 300n, cpuRequest: 150n }))), amounts());
    assert.equal(cri.names().filter((name) => name === 'updatePodSandboxResources').length, 1);
    assert.equal(cri.names().filter((name) => name === 'pod').length, 2);
  });

  it('stops where the runtime refuses', async () => {
    const updateContainerResources = (): never => {
      throw criFault('no');
    };
    const { resize, set } = bench({}, { updateContainerResources });
    await assert.rejects(resize(podOf(named('c', amounts({ cpuLimit: 300n }))), amounts()), /desc = no/);
    assert.deepEqual(set, []);
  });
});

describe('what is in the way of less memory', () => {
  it('nothing', () => {
    assert.equal(
      shrinkProblems({ pod: { limit: 2, used: 1 }, containers: [{ name: 'c', limit: 2n, used: 1 }] }),
      undefined,
    );
  });
  it('a usage that is not known', () => {
    assert.equal(
      shrinkProblems({ pod: undefined, containers: [{ name: 'c', limit: 2n, used: undefined }] }),
      'cannot decrease memory limits: missing container "c" memory usage',
    );
  });
});
