import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeEvents } from '../../testing/fake-host.ts';
import { FakeClock, pod, quietLog, settle } from '../../testing/fixtures.ts';
import type { FileOp, HostFiles } from '../../hosts/link/link.ts';
import { CriError, HostError } from '../../model/errors.ts';
import type { Container, Pod } from '../../model/kube.ts';
import { cgroupPath, nodeCgroup, podCgroup, podOfFolder } from './cgroup-name.ts';
import { createCgroup, removeCgroup, updateCgroup, type CgroupPlace } from './cgroup-ops.ts';
import { cpuWeight, sharesOfWeight } from './cpu-weight.ts';
import { PodCgroups, type CgroupOperation } from './pod-cgroups.ts';
import { podLimits } from './pod-limits.ts';
import { runtimeCgroupDriver } from '../../hosts/cri/cgroup-driver.ts';

type Quantities = Record<string, string>;

function c(requests: Quantities, limits: Quantities, more: Partial<Container> = {}): Container {
  return { name: 'c', image: 'i', resources: { requests, limits }, ...more };
}

const of = (...containers: Container[]): Pod => pod({ spec: { containers } });
const enforced = { cpuCFSQuota: true, cpuCFSQuotaPeriod: 100_000 };

describe('names of cgroups', () => {
  const guaranteed = of(c({ cpu: '1', memory: '1Gi' }, { cpu: '1', memory: '1Gi' }));
  const cases: [string, string, Pod, 'cgroupfs' | 'systemd', string][] = [
    ['guaranteed', '', guaranteed, 'cgroupfs', '/kubepods/poduid-web'],
    ['burstable', '/', of(c({ cpu: '1' }, {})), 'cgroupfs', '/kubepods/burstable/poduid-web'],
    ['best effort below a root', '/shop/a', pod(), 'cgroupfs', '/shop/a/kubepods/besteffort/poduid-web'],
    [
      'a slice',
      '',
      pod(),
      'systemd',
      '/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-poduid_web.slice',
    ],
    ['a slice of a guaranteed pod', '', guaranteed, 'systemd', '/kubepods.slice/kubepods-poduid_web.slice'],
  ];
  for (const [what, root, owner, driver, expected] of cases)
    it(what, () => {
      const path = cgroupPath(podCgroup(nodeCgroup(root), owner), driver);
      assert.equal(path, expected);
      assert.equal(podOfFolder(path.split('/').at(-1) ?? '', driver), 'uid-web');
    });

  it('tell a pod from a class', () => {
    assert.equal(podOfFolder('burstable', 'cgroupfs'), undefined);
    assert.equal(podOfFolder('kubepods-burstable.slice', 'systemd'), undefined);
    assert.equal(podOfFolder('cgroup.procs', 'systemd'), undefined);
  });
});

describe("a pod's limits", () => {
  const none = new Map<number, number>();
  const cases: [string, Pod, object][] = [
    ['best effort', pod(), { cpuShares: 2, hugePages: none }],
    [
      'guaranteed',
      of(c({ cpu: '500m', memory: '1Mi' }, { cpu: '500m', memory: '1Mi' })),
      { cpuShares: 512, cpuQuota: 50_000, cpuPeriod: 100_000, memoryBytes: 2 ** 20, hugePages: none },
    ],
    ['requests alone', of(c({ cpu: '100m' }, {})), { cpuShares: 102, hugePages: none }],
    [
      'a memory limit alone',
      of(c({ cpu: '100m' }, { memory: '1Mi' })),
      { cpuShares: 102, memoryBytes: 2 ** 20, hugePages: none },
    ],
    [
      'one container without a limit',
      of(c({ cpu: '100m' }, { cpu: '1', memory: '1Mi' }), c({}, { cpu: '1' }, { name: 'd' })),
      { cpuShares: 102, cpuQuota: 200_000, cpuPeriod: 100_000, hugePages: none },
    ],
    [
      "the pod's own limits",
      pod({
        spec: {
          containers: [c({}, {})],
          resources: { requests: { cpu: '1' }, limits: { cpu: '2', memory: '1Mi' } },
        },
      }),
      { cpuShares: 1024, cpuQuota: 200_000, cpuPeriod: 100_000, memoryBytes: 2 ** 20, hugePages: none },
    ],
    [
      'overhead',
      pod({
        spec: {
          containers: [c({ cpu: '100m' }, { cpu: '100m', memory: '1Mi' })],
          overhead: { cpu: '100m', memory: '1Mi' },
        },
      }),
      { cpuShares: 204, cpuQuota: 20_000, cpuPeriod: 100_000, memoryBytes: 2 ** 21, hugePages: none },
    ],
    [
      'huge pages',
      of(c({ cpu: '1', 'hugepages-2Mi': '4Mi' }, { 'hugepages-2Mi': '4Mi' })),
      { cpuShares: 1024, hugePages: new Map([[2 ** 21, 2 ** 22]]) },
    ],
  ];
  for (const [what, owner, expected] of cases)
    it(what, () => {
      assert.deepEqual(podLimits(owner, enforced), expected);
    });

  it('without CPU quota where CPU limits are not enforced', () => {
    const { cpuQuota } = podLimits(of(c({ cpu: '1' }, { cpu: '1' })), { ...enforced, cpuCFSQuota: false });
    assert.equal(cpuQuota, -1);
  });
});

const v1: CgroupPlace = {
  layout: { version: 1, controllers: ['cpu', 'memory', 'pids', 'hugetlb', 'cpuset'] },
  driver: 'cgroupfs',
  hugePageSizes: [2 ** 21],
};
const v2: CgroupPlace = {
  layout: { version: 2, controllers: ['cpuset', 'cpu', 'io', 'memory', 'pids'] },
  driver: 'cgroupfs',
  hugePageSizes: [2 ** 21],
};

function shown(ops: readonly FileOp[]): string[] {
  return ops.map((op) => {
    const path = 'path' in op ? op.path.replace('/sys/fs/cgroup', '') : '';
    if (op.op === 'set') return `${path} = ${op.value}`;
    return op.op === 'write' ? `write ${path}\n${op.data.toString()}` : `${op.op} ${path}`;
  });
}

describe('steps for a cgroup', () => {
  const name = ['kubepods', 'pod1'];
  const limits = {
    cpuShares: 1024,
    cpuQuota: 50_000,
    cpuPeriod: 100_000,
    memoryBytes: 4096,
    pids: 10,
    hugePages: new Map<number, number>(),
  };

  it('on v1: a folder in each hierarchy, cpuset left to the runtime', () => {
    assert.deepEqual(shown(createCgroup(name, limits, v1)), [
      'mkdir /cpu/kubepods/pod1',
      'mkdir /memory/kubepods/pod1',
      'mkdir /pids/kubepods/pod1',
      'mkdir /hugetlb/kubepods/pod1',
      '/cpu/kubepods/pod1/cpu.shares = 1024',
      '/cpu/kubepods/pod1/cpu.cfs_period_us = 100000',
      '/cpu/kubepods/pod1/cpu.cfs_quota_us = 50000',
      '/memory/kubepods/pod1/memory.limit_in_bytes = 4096',
      '/pids/kubepods/pod1/pids.max = 10',
      '/hugetlb/kubepods/pod1/hugetlb.2MB.limit_in_bytes = 0',
    ]);
  });

  it('on v2: one folder, and controllers handed down to it', () => {
    assert.deepEqual(shown(createCgroup(name, limits, v2)), [
      'mkdir /kubepods/pod1',
      '/cgroup.subtree_control = +cpuset +cpu +memory +pids',
      '/kubepods/cgroup.subtree_control = +cpuset +cpu +memory +pids',
      '/kubepods/pod1/cpu.weight = 39',
      '/kubepods/pod1/cpu.max = 50000 100000',
      '/kubepods/pod1/memory.max = 4096',
      '/kubepods/pod1/pids.max = 10',
    ]);
  });

  it('of systemd: a unit that says the same', () => {
    const [folder, unit, ...rest] = shown(updateCgroup(name, limits, { ...v2, driver: 'systemd' }));
    assert.equal(folder, 'mkdir /run/systemd/system');
    assert.equal(
      unit,
      'write /run/systemd/system/kubepods-pod1.slice\n[Unit]\nDescription=Kubernetes pods: kubepods pod1\n\n[Slice]\nCPUAccounting=yes\nMemoryAccounting=yes\nTasksAccounting=yes\nCPUWeight=39\nCPUQuotaPeriodSec=100000us\nCPUQuota=50%\nMemoryMax=4096\nTasksMax=10\n',
    );
    assert.equal(rest[0], '/kubepods.slice/kubepods-pod1.slice/cpu.weight = 39');
  });

  it('no limit is said in the words of the version', () => {
    const free = { cpuQuota: -1, cpuPeriod: 100_000 };
    assert.deepEqual(shown(updateCgroup(name, free, v2)), ['/kubepods/pod1/cpu.max = max 100000']);
    assert.deepEqual(shown(updateCgroup(name, free, v1)).at(-1), '/cpu/kubepods/pod1/cpu.cfs_quota_us = -1');
  });

  it('removal from every hierarchy there is', () => {
    assert.deepEqual(shown(removeCgroup(name, v1)), [
      'remove-cgroup /cpu/kubepods/pod1',
      'remove-cgroup /memory/kubepods/pod1',
      'remove-cgroup /pids/kubepods/pod1',
      'remove-cgroup /hugetlb/kubepods/pod1',
      'remove-cgroup /cpuset/kubepods/pod1',
    ]);
  });

  it('shares and weights', () => {
    assert.deepEqual([2, 1024, 262_144].map(cpuWeight), [1, 39, 10_000]);
    assert.deepEqual([1, 39, 10_000].map(sharesOfWeight), [2, 998, 262_144]);
  });
});

/** A v1 host in memory. */
function bench(change: { active?: Pod[]; enabled?: boolean; folders?: Record<string, string[]> } = {}) {
  const batches: string[][] = [];
  const events = new FakeEvents();
  const clock = new FakeClock();
  const state: { fail: Error | undefined } = { fail: undefined };
  const folders: Record<string, string[]> = {
    '/sys/fs/cgroup': ['cpu', 'memory', 'unified'],
    ...change.folders,
  };
  const files: Pick<HostFiles, 'apply' | 'list' | 'stat' | 'readFile'> = {
    apply: (ops) => {
      if (state.fail !== undefined) return Promise.reject(state.fail);
      batches.push(shown(ops));
      return Promise.resolve();
    },
    list: (path) => Promise.resolve(folders[path]?.map((name) => ({ name, type: 'directory' as const }))),
    stat: () => Promise.resolve(undefined),
    readFile: () => Promise.resolve(Buffer.from('')),
  };
  const done: CgroupOperation[] = [];
  let came = 0;
  const cgroups = new PodCgroups({
    files: files as HostFiles,
    enabled: change.enabled ?? true,
    cgroupRoot: '',
    driver: () => Promise.resolve('cgroupfs'),
    cpu: enforced,
    hasExclusiveCpus: () => false,
    podPidsLimit: -1,
    hugePageSizes: () => [],
    nodeLimits: () => ({ cpuShares: 2048, memoryBytes: 2 ** 30 }),
    active: () => change.active ?? [],
    hostReady: () =>
      (came += 1) === 1 || state.fail !== undefined || came === 2
        ? Promise.resolve()
        : new Promise(() => undefined),
    node: { kind: 'Node', name: 'edge-1' },
    events,
    onDone: (operation) => done.push(operation),
    clock,
    log: quietLog,
  });
  return { cgroups, batches, done, events, clock, state, folders };
}
const signal = new AbortController().signal;

describe("a node's cgroups", () => {
  it('are one batch a pod: its class with the sum of its pods, then its own', async () => {
    const burstable = of(c({ cpu: '100m' }, {}));
    const { cgroups, batches, done } = bench({ active: [burstable, of(c({ cpu: '300m' }, {}))] });
    assert.equal(cgroups.parent(burstable), undefined);
    await cgroups.prepare(burstable, { create: true, signal });
    assert.equal(cgroups.parent(burstable), '/kubepods/burstable/poduid-web');
    assert.equal(batches.length, 1);
    const sets = batches.flat().filter((line) => line.includes('='));
    assert.deepEqual(sets, [
      '/cpu/kubepods/burstable/cpu.shares = 409',
      '/cpu/kubepods/besteffort/cpu.shares = 2',
      '/cpu/kubepods/burstable/poduid-web/cpu.shares = 102',
    ]);
    await cgroups.prepare(burstable, { create: false, signal });
    assert.equal(batches.length, 1, 'a sandbox that is there has its group');
    await cgroups.update(burstable, { cpuShares: 2 }, { signal });
    await cgroups.remove(burstable, { signal });
    assert.deepEqual(done, ['create', 'update', 'destroy']);
  });

  it('of the classes are made once, and Burstable has what its pods ask for by now', async () => {
    const active = [of(c({ cpu: '100m' }, {}))];
    const { cgroups, batches, state } = bench({ active });
    const next = async (work: () => Promise<void>): Promise<string[]> => {
      const before = batches.length;
      await work();
      return batches.slice(before).flat();
    };
    const create = (): Promise<void> => cgroups.prepare(pod(), { create: true, signal });
    const sweep = (): Promise<void> => cgroups.sweep(() => false, { signal });
    const own = [
      ...['mkdir /cpu/kubepods/besteffort/poduid-web', 'mkdir /memory/kubepods/besteffort/poduid-web'],
      '/cpu/kubepods/besteffort/poduid-web/cpu.shares = 2',
    ];
    const classes = [
      ...['mkdir /cpu/kubepods/burstable', 'mkdir /memory/kubepods/burstable'],
      '/cpu/kubepods/burstable/cpu.shares = 102',
      ...['mkdir /cpu/kubepods/besteffort', 'mkdir /memory/kubepods/besteffort'],
      '/cpu/kubepods/besteffort/cpu.shares = 2',
    ];
    assert.deepEqual(await next(create), [...classes, ...own]);
    assert.deepEqual(await next(create), own);
    active.push(of(c({ cpu: '300m' }, {})));
    assert.deepEqual(await next(create), ['/cpu/kubepods/burstable/cpu.shares = 409', ...own]);
    active.pop();
    assert.deepEqual(await next(sweep), ['/cpu/kubepods/burstable/cpu.shares = 102']);
    assert.deepEqual(await next(sweep), []);
    active.push(of(c({ cpu: '300m' }, {})));
    const two = async (): Promise<void> => {
      await Promise.all([create(), create()]);
    };
    assert.deepEqual(await next(two), ['/cpu/kubepods/burstable/cpu.shares = 409', ...own, ...own]);
    active.pop();
    state.fail = new HostError('not-found', 'box', 'box: the class is gone');
    await assert.rejects(create(), /is gone/);
    state.fail = undefined;
    assert.deepEqual(await next(create), [...classes, ...own]);
  });

  it('are left alone where they are not wanted', async () => {
    const { cgroups, batches } = bench({ enabled: false });
    await cgroups.prepare(pod(), { create: true, signal });
    await cgroups.remove(pod(), { signal });
    await cgroups.run(signal);
    assert.equal(cgroups.parent(pod()), undefined);
    assert.deepEqual(batches, []);
  });

  it('that can not be written are told of, and tried again each minute', async () => {
    const { cgroups, batches, events, clock, state } = bench();
    state.fail = new HostError('forbidden', 'box', 'box: mkdir: EROFS');
    const stop = new AbortController();
    const running = cgroups.run(stop.signal);
    await settle();
    assert.deepEqual(events.seen, [
      'Warning FailedNodeAllocatableEnforcement: Failed to update Node Allocatable Limits ["kubepods"]: box: mkdir: EROFS',
    ]);
    state.fail = undefined;
    await clock.advance(60_000);
    assert.equal(
      events.seen.at(-1),
      'Normal NodeAllocatableEnforced: Updated Node Allocatable limit across pods',
    );
    assert.ok(batches.flat().includes('/memory/kubepods/memory.limit_in_bytes = 1073741824'));
    stop.abort();
    void running;
  });

  it('of unknown pods are removed when they were seen twice', async () => {
    const { cgroups, batches, folders } = bench({
      folders: { '/sys/fs/cgroup/cpu/kubepods/burstable': ['podlost', 'podknown', 'other'] },
    });
    const isForgettable = (uid: string): boolean => uid !== 'known';
    await cgroups.sweep(isForgettable, { signal });
    assert.deepEqual(batches, []);
    await cgroups.sweep(isForgettable, { signal });
    assert.deepEqual(batches, [
      [
        'remove-cgroup /cpu/kubepods/burstable/podlost',
        'remove-cgroup /memory/kubepods/burstable/podlost',
        'remove-cgroup /unified/kubepods/burstable/podlost',
      ],
    ]);
    folders['/sys/fs/cgroup/cpu/kubepods/burstable'] = [];
    await cgroups.sweep(isForgettable, { signal });
    assert.equal(batches.length, 1);
  });
});

describe('the cgroup driver', () => {
  const fault = (kind: CriError['kind']): CriError =>
    new CriError({ kind, method: 'm', host: 'h', code: 12, codeName: 'x', description: 'd' });
  it("is the runtime's", async () => {
    const runtimeConfig = () => Promise.resolve({ linux: { cgroup_driver: 'SYSTEMD' as const } });
    assert.equal(await runtimeCgroupDriver({ runtimeConfig }, 'cgroupfs', { signal }), 'systemd');
  });
  it('is the configured one where the runtime is too old to tell', async () => {
    const runtimeConfig = () => Promise.reject(fault('unimplemented'));
    assert.equal(await runtimeCgroupDriver({ runtimeConfig }, 'systemd', { signal }), 'systemd');
  });
  it('is not guessed when the runtime does not answer', async () => {
    const runtimeConfig = () => Promise.reject(fault('unavailable'));
    await assert.rejects(runtimeCgroupDriver({ runtimeConfig }, 'cgroupfs', { signal }));
  });
});
