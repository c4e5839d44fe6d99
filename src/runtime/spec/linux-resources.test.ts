import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PodSpec } from '../../model/kube.ts';
import { linuxHost, pod } from '../../testing/fixtures.ts';
import {
  containerResources,
  cpuQuota,
  cpuShares,
  overheadResources,
  sandboxResources,
} from './linux-resources.ts';
import { oomScoreAdj } from './oom-score.ts';
import type { LinuxHost } from './runtime-settings.ts';

const gi = 2 ** 30;
const host = linuxHost({ memoryCapacityBytes: 10 * gi, hugePageSizes: ['2MB'] });
const settings = { cpuCFSQuota: true, cpuCFSQuotaPeriod: 100_000 };
const context = { host, settings };
const of = (resources: object, spec: Partial<PodSpec> = {}) =>
  pod({ spec: { containers: [{ name: 'c', resources }], ...spec } });

describe('cpu', () => {
  it('shares', () => {
    const rows = [
      [0, 2],
      [1, 2],
      [100, 102],
      [1000, 1024],
      [1_000_000, 262_144],
    ];
    for (const [milli, shares] of rows) assert.equal(cpuShares(BigInt(milli ?? 0)), shares);
  });
  it('quota', () => {
    const rows = [
      [0, 0],
      [1, 1000],
      [300, 30_000],
      [2500, 250_000],
    ];
    for (const [milli, quota] of rows) assert.equal(cpuQuota(BigInt(milli ?? 0), 100_000), quota);
  });
});

describe('cgroup settings of a container', () => {
  const made = (resources: object, change: Partial<LinuxHost> = {}, spec: Partial<PodSpec> = {}) => {
    const on = of(resources, spec);
    const [container] = on.spec.containers;
    assert.ok(container !== undefined);
    return containerResources(on, container, { host: { ...host, ...change }, settings });
  };

  it('takes the limit where there is no request, and the pod level limit where there is none', () => {
    const own = made({ limits: { cpu: '500m' } });
    assert.deepEqual([own.cpu_shares, own.cpu_quota, own.memory_limit_in_bytes], [512, 50_000, undefined]);
    const ofPod = made({}, {}, { resources: { limits: { cpu: '1', memory: '1Gi' } } });
    assert.deepEqual([ofPod.cpu_quota, ofPod.memory_limit_in_bytes], [100_000, gi]);
  });

  it('kills the whole container on cgroup v2 only, and never lets it swap', () => {
    const limits = { memory: '1Gi' };
    assert.deepEqual(made({ limits }).unified, { 'memory.oom.group': '1' });
    assert.deepEqual(made({ limits }, { swapController: true }).unified, {
      'memory.oom.group': '1',
      'memory.swap.max': '0',
    });
    const v1 = made({ limits }, { cgroupVersion: 1, swapController: true });
    assert.deepEqual([v1.unified, v1.memory_swap_limit_in_bytes], [undefined, gi]);
    assert.equal(made({}, { cgroupVersion: 1, swapController: true }).memory_swap_limit_in_bytes, undefined);
  });

  it('limits every page size, the container before the pod', () => {
    const limits = { 'hugepages-2Mi': '4Mi' };
    const sizes = { hugePageSizes: ['2MB', '1GB', '64KB'] };
    const spec = { resources: { limits: { 'hugepages-2Mi': '8Mi', 'hugepages-64Ki': '64Ki' } } };
    assert.deepEqual(made({ limits }, sizes, spec).hugepage_limits, [
      { page_size: '2MB', limit: 4 * 2 ** 20 },
      { page_size: '1GB', limit: 0 },
      { page_size: '64KB', limit: 2 ** 16 },
    ]);
  });

  it('leaves quota out where it is off', () => {
    const on = of({ limits: { cpu: '1' } });
    const [container] = on.spec.containers;
    assert.ok(container !== undefined);
    const off = containerResources(on, container, { host, settings: { ...settings, cpuCFSQuota: false } });
    assert.deepEqual([off.cpu_quota, off.cpu_period], [undefined, undefined]);
  });
});

describe('the whole pod', () => {
  it('sandbox and overhead', () => {
    const on = of({ limits: { cpu: '1', memory: '1Gi' } }, { overhead: { cpu: '250m', memory: '64Mi' } });
    assert.deepEqual(sandboxResources(on, context), {
      cpu_shares: 1024,
      memory_limit_in_bytes: gi,
      cpu_period: 100_000,
      cpu_quota: 100_000,
      unified: { 'memory.oom.group': '1' },
    });
    assert.equal(overheadResources(on, context).cpu_quota, 25_000);
    assert.deepEqual(overheadResources(pod(), context), {});
  });
});

describe('oom score', () => {
  const memory = (amount: string) => ({ resources: { requests: { memory: amount } } });
  const both = { cpu: '1', memory: '1Gi' };
  const rows: [name: string, spec: Partial<PodSpec>, score: number][] = [
    ['best effort', {}, 1000],
    ['guaranteed', { containers: [{ name: 'c', resources: { requests: both, limits: both } }] }, -997],
    ['a tenth of the host', { containers: [{ name: 'c', ...memory('1Gi') }] }, 900],
    ['next to nothing', { containers: [{ name: 'c', ...memory('1Ki') }] }, 999],
    ['all of it', { containers: [{ name: 'c', ...memory('10Gi') }] }, 3],
    ['node critical', { priority: 2_000_001_000, priorityClassName: 'system-node-critical' }, -997],
    [
      'cluster critical is not',
      { priority: 2_000_000_000, priorityClassName: 'system-cluster-critical' },
      1000,
    ],
    [
      'what only the pod asks for is shared',
      {
        containers: [{ name: 'c', ...memory('1Gi') }, { name: 'd' }],
        resources: { requests: { memory: '3Gi' } },
      },
      800,
    ],
  ];
  for (const [name, spec, score] of rows)
    it(name, () => {
      const on = pod({ spec });
      const [container] = on.spec.containers;
      assert.ok(container !== undefined);
      assert.equal(oomScoreAdj(on, container, host.memoryCapacityBytes), score);
    });

  it('a sidecar lives at least as long as those it serves', () => {
    const sidecar = { name: 'side', restartPolicy: 'Always' as const };
    const on = pod({ spec: { containers: [{ name: 'c', ...memory('5Gi') }], initContainers: [sidecar] } });
    assert.equal(oomScoreAdj(on, sidecar, host.memoryCapacityBytes), 500);
  });

  it('waits until the memory of the host is known', () => {
    const on = pod({ spec: { containers: [{ name: 'c', ...memory('1Gi') }] } });
    assert.throws(() => oomScoreAdj(on, { name: 'c' }, 0), { kind: 'unavailable' });
  });
});
