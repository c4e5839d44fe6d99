import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HostUsage } from '../hosts/link/host-usage.ts';
import type { Pod } from '../model/kube.ts';
import type { ObservedContainer, ObservedSandbox, PodRuntimeState } from '../model/runtime-state.ts';
import { cadvisorFamilies } from './cadvisor-metrics.ts';
import { CpuRates } from './cpu-rates.ts';
import type { DiskFigures } from './disk-reader.ts';
import { expositionText } from './exposition.ts';
import { groupsById, isPlainId, isPlainPath } from './group-index.ts';
import { HostUsageReader, type HostUsageReaderOptions } from './host-reader.ts';
import { nodeReading } from './node-reading.ts';
import { resourceFamilies } from './resource-metrics.ts';
import { summaryParts } from './summary.ts';

const { signal } = new AbortController();
const at = Date.parse('2026-03-01T12:00:00Z');
const sandboxId = 'cd'.repeat(32);
const containerId = 'ab'.repeat(32);
const POD = '/kubepods/burstable/pod1';

const sandbox = (more: Partial<ObservedSandbox> = {}): ObservedSandbox => ({
  id: sandboxId,
  attempt: 0,
  createdAt: (at - 60_000) * 1e6,
  ready: true,
  ips: [],
  lacksAddress: false,
  hostNetwork: false,
  runtimeHandler: '',
  ...more,
});
const container = (more: Partial<ObservedContainer> = {}): ObservedContainer =>
  ({
    id: containerId,
    name: 'c',
    sandboxId,
    state: 'running',
    startedAt: (at - 30_500) * 1e6,
    image: 'sha256:1',
    imageRef: '',
    ...more,
  }) as ObservedContainer;
const stateOf = (more: Partial<PodRuntimeState> = {}): PodRuntimeState => ({
  uid: '1',
  name: 'p"1',
  namespace: 'n',
  sandboxes: [sandbox()],
  containers: [container()],
  ips: [],
  observedAt: 0,
  ...more,
});
const podOf = (more: object = {}): Pod => ({
  metadata: { name: 'p"1', namespace: 'n', uid: '1' },
  spec: { containers: [{ name: 'c', image: 'busybox:1' }], ...more },
});

const usageOf = (more: Partial<HostUsage> = {}): HostUsage => ({
  uptime: 1000,
  cgroupVersion: 2,
  groups: new Map([
    ['', { cpuNanos: 9e9 }],
    ['/kubepods', { cpuNanos: 5e9, memoryBytes: 70, workingSetBytes: 60 }],
    [POD, { cpuNanos: 4e9, memoryBytes: 50, workingSetBytes: 40, memoryLimitBytes: 100, cpuPeriodMicros: 1 }],
    [`${POD}/cri-containerd-${sandboxId}.scope`, { cpuNanos: 1e9, workingSetBytes: 5, processes: 1 }],
    [
      `${POD}/cri-containerd-${containerId}.scope`,
      {
        cpuNanos: 3e9,
        workingSetBytes: 30,
        memoryLimitBytes: 90,
        cpuQuotaMicros: 50,
        cpuPeriodMicros: 100,
        periods: 7,
        processes: 2,
        swapBytes: 1,
        disks: [{ device: '8:1', readBytes: 1024, writeBytes: 2, reads: 3, writes: 4 }],
      },
    ],
  ]),
  networks: new Map([
    [
      `${POD}/cri-containerd-${sandboxId}.scope`,
      ['lo', 'eth0'].map((name) => ({ name, rxBytes: 11, rxErrors: 0, txBytes: 12, txErrors: 0 })),
    ],
  ]),
  machine: {
    bootTime: at / 1000 - 1000,
    memoryTotalBytes: 1000,
    memoryFreeBytes: 300,
    inactiveFileBytes: 100,
    swapTotalBytes: 20,
    swapFreeBytes: 15,
    interfaces: [],
    devices: new Map([['8:1', 'sda1']]),
    disks: [],
  },
  fileSystems: [{ capacityBytes: 100, availableBytes: 40, freeBytes: 45, inodes: 10, inodesFree: 4 }],
  isCut: false,
  ...more,
});

const disk: DiskFigures = {
  imageFs: undefined,
  containerFs: undefined,
  layers: new Map([[containerId, { at, usedBytes: 3, inodesUsed: 1 }]]),
  logs: new Map([['1/c', { at, usedBytes: 4, inodesUsed: 2 }]]),
  volumes: new Map([
    [
      '1',
      [
        { at, name: 'disk', inMemory: false, usedBytes: 5, inodesUsed: 1 },
        { at, name: 'ram', inMemory: true, usedBytes: 600, inodesUsed: 1 },
      ],
    ],
  ]),
};

function readerOf(usage: () => HostUsage, more: Partial<HostUsageReaderOptions> = {}) {
  const asked: Parameters<HostUsageReaderOptions['files']['readUsage']>[0][] = [];
  const clock = { time: at, now: () => clock.time, monotonic: () => clock.time };
  const reader = new HostUsageReader({
    host: 'box',
    files: {
      readUsage: (query) => {
        asked.push(query);
        return Promise.resolve(usage());
      },
    },
    cri: {
      listContainerStats: () => Promise.reject(new Error('not asked')),
      listPodSandboxStats: () => Promise.reject(new Error('not asked')),
    },
    disks: { read: () => Promise.resolve(disk) },
    served: { read: () => Promise.resolve(new Map()) },
    cgroups: () => Promise.resolve({ pathOf: () => POD, above: ['/kubepods'] }),
    pods: () => [{ pod: podOf(), state: stateOf() }],
    facts: () => undefined,
    hasOwnKernel: (handler) => handler === 'kata',
    isReady: () => true,
    rootDir: '/var/lib/farlet',
    owner: {},
    clock,
    signal,
    ...more,
  });
  return { reader, asked, clock };
}

const read = async (usage = usageOf(), more: Partial<HostUsageReaderOptions> = {}) =>
  nodeReading([await readerOf(() => usage, more).reader.read('full', { signal })], { isPartial: false });

/** As it travels. */
const plain = (of: object): unknown => JSON.parse(JSON.stringify(of));

describe('the use of a host', () => {
  it('is read once for all who ask within five seconds, and while it is read', async () => {
    const { reader, asked, clock } = readerOf(usageOf);
    const together = await Promise.all(
      ['full', 'brief', 'full'].map((detail) => reader.read(detail as 'full', { signal })),
    );
    assert.equal(new Set(together).size, 1);
    clock.time += 4_999;
    assert.equal(await reader.read('brief', { signal }), together[0]);
    assert.equal(asked.length, 1);
    clock.time += 1;
    assert.notEqual(await reader.read('brief', { signal }), together[0]);
    assert.deepEqual(
      asked.map(({ detail }) => detail),
      ['full', 'brief'],
    );
    await reader.read('full', { signal });
    assert.equal(asked.length, 3, 'what is brief does not answer who asks for more');
  });

  it('asks for limits once a minute, and when a container is new', async () => {
    let id = containerId;
    const { reader, asked, clock } = readerOf(usageOf, {
      pods: () => [{ pod: podOf(), state: stateOf({ containers: [container({ id })] }) }],
    });
    const next = async (ms: number) => {
      clock.time += ms;
      await reader.read('brief', { signal });
      return asked.at(-1)?.limits;
    };
    assert.deepEqual([await next(0), await next(10_000), await next(49_999)], [true, false, false]);
    assert.equal(await next(10_000), true);
    id = 'ef'.repeat(32);
    assert.equal(await next(5_000), true);
  });

  it('keeps the limits of before where only the rest is read', async () => {
    let usage = usageOf();
    const { reader, clock } = readerOf(() => usage);
    await reader.read('full', { signal });
    usage = usageOf({ groups: new Map([[POD, { workingSetBytes: 41, memoryLimitBytes: undefined }]]) });
    clock.time += 5_000;
    const { pods } = await reader.read('full', { signal });
    assert.deepEqual([pods[0]?.use?.workingSetBytes, pods[0]?.use?.memoryLimitBytes], [41, 100]);
  });

  it('asks the host for no words that are not its own', async () => {
    const odd = { pod: podOf(), state: stateOf({ sandboxes: [sandbox({ id: '*' })] }) };
    const { reader, asked } = readerOf(usageOf, {
      pods: () => [odd],
      cgroups: () => Promise.resolve({ pathOf: () => '/kubepods/pod../*', above: ['/a b'] }),
    });
    await reader.read('full', { signal });
    assert.deepEqual([asked[0]?.parents, asked[0]?.sandboxes, asked[0]?.groups], [[], [], []]);
  });

  it('looks where runtimes place containers that they are told no group for', async () => {
    const path = `/k8s.io/${containerId}`;
    const usage = usageOf({ groups: new Map([[path, { cpuNanos: 3, workingSetBytes: 4 }]]) });
    const { reader, asked } = readerOf(() => usage, {
      cgroups: () => Promise.resolve({ pathOf: () => undefined, above: [] }),
    });
    const { pods } = await reader.read('brief', { signal });
    assert.ok(asked[0]?.groups.includes(path));
    assert.equal(pods[0]?.path, undefined);
    assert.deepEqual(
      [pods[0]?.use?.cpuNanos, pods[0]?.use?.workingSetBytes],
      [3, 4],
      'the sum of its containers',
    );
  });

  it('of containers with a kernel of their own is the runtime’s word', async () => {
    const value = (of: number) => ({ value: of });
    const { pods } = await readerOf(usageOf, {
      pods: () => [{ pod: podOf(), state: stateOf({ sandboxes: [sandbox({ runtimeHandler: 'kata' })] }) }],
      cri: {
        listContainerStats: () =>
          Promise.resolve({
            stats: [
              {
                attributes: { id: containerId },
                cpu: { usage_core_nano_seconds: value(77), usage_nano_cores: null },
                memory: { working_set_bytes: value(88) },
                swap: null,
              },
            ],
          } as never),
        listPodSandboxStats: () => Promise.reject(new Error('unimplemented')),
      },
    }).reader.read('brief', { signal });
    assert.deepEqual(
      [pods[0]?.containers[0]?.use?.cpuNanos, pods[0]?.containers[0]?.use?.workingSetBytes],
      [77, 88],
    );
    assert.equal(pods[0]?.use?.cpuNanos, 4e9, 'the pod has a group on the host');
  });

  it('can’t be asked while the host does not answer', async () => {
    const { reader } = readerOf(usageOf, { isReady: () => false });
    await assert.rejects(reader.read('brief', { signal }), { kind: 'unavailable' });
  });

  it('has time stamps as far apart as the host’s uptimes, however long answers take', async () => {
    let uptime = 1000;
    const { reader, clock } = readerOf(() => usageOf({ uptime }));
    const first = await reader.read('brief', { signal });
    clock.time += 10_300;
    uptime += 10;
    const second = await reader.read('brief', { signal });
    assert.equal(second.at - first.at, 10_000);
    clock.time += 3_600_000;
    uptime += 10;
    assert.equal((await reader.read('brief', { signal })).at, clock.time, 'a clock that was set counts');
  });
});

describe('a look at what a host uses', () => {
  it('is told of once, however many wait for it, and how it ended', async () => {
    const told: unknown[] = [];
    const onReading: HostUsageReaderOptions['onReading'] = (reading) => told.push(reading);
    const { reader } = readerOf(usageOf, { onReading });
    await Promise.all([reader.read('full', { signal }), reader.read('brief', { signal })]);
    const failing = readerOf(
      () => {
        throw new Error('cut');
      },
      { onReading },
    );
    await assert.rejects(failing.reader.read('brief', { signal }));
    assert.deepEqual(told, [
      { detail: 'full', seconds: 0, failed: false },
      { detail: 'brief', seconds: 0, failed: true },
    ]);
  });
});

describe('processor rates', () => {
  const nanos = (of: number) => new Map([['a', of]]);
  it('are between readings at least five seconds apart', () => {
    const rates = new CpuRates();
    assert.equal(rates.take(0, nanos(0)).get('a'), undefined);
    assert.equal(rates.take(4_000, nanos(4e9)).get('a'), undefined);
    assert.equal(rates.take(5_000, nanos(2.5e9)).get('a'), 0.5e9);
    assert.equal(rates.take(6_000, nanos(6e9)).get('a'), 1e9, 'still since the first');
    assert.equal(rates.take(10_000, nanos(2.5e9)).get('a'), 0);
    assert.equal(rates.take(15_000, nanos(1)).get('a'), undefined, 'it began again');
    assert.equal(rates.take(16_000, new Map([['b', 1]])).get('b'), undefined);
    assert.equal(rates.take(400_000, nanos(9e9)).get('a'), undefined, 'too long ago');
    assert.equal(rates.take(300_000, nanos(9e9)).get('a'), undefined, 'a clock that went back');
  });
});

describe('groups', () => {
  it('are known by the id in their names', () => {
    const paths = [
      `/a/cri-containerd-${containerId}.scope`,
      `/b/${containerId}`,
      `/c/kata_${sandboxId}`,
      '/',
    ];
    assert.deepEqual(
      [...groupsById(paths)],
      [
        [containerId, paths[0]],
        [sandboxId, paths[2]],
      ],
    );
  });
  for (const [path, isPlain] of [
    ['/kubepods/burstable/pod1-2', true],
    ['/kubepods.slice/kubepods-pod1_2.slice', true],
    ['/a/../b', false],
    ['/a/*', false],
    ['/a b', false],
    ['a', false],
    ['/', false],
  ] as const)
    it(`${path} ${isPlain ? 'is' : 'is not'} asked for`, () => {
      assert.equal(isPlainPath(path), isPlain);
    });
  it('ids are letters and digits', () => {
    assert.deepEqual(['a1', '', '*', 'a/b', 'a'.repeat(129)].map(isPlainId), [
      true,
      false,
      false,
      false,
      false,
    ]);
  });
});

describe('/stats/summary', () => {
  it('has the kubelet’s form, and leaves out what is not known', async () => {
    const { node, pods } = summaryParts('box', await read(), { isBrief: false });
    const time = '2026-03-01T12:00:00Z';
    assert.deepEqual(plain(node), {
      nodeName: 'box',
      systemContainers: [
        {
          name: 'pods',
          startTime: '2026-03-01T11:43:20Z',
          cpu: { time, usageCoreNanoSeconds: 5e9 },
          memory: { time, availableBytes: 940, usageBytes: 70, workingSetBytes: 60 },
          io: { time },
        },
      ],
      startTime: '2026-03-01T11:43:20Z',
      cpu: { time, usageCoreNanoSeconds: 9e9 },
      memory: { time, availableBytes: 400, usageBytes: 700, workingSetBytes: 600 },
      io: { time },
      swap: { time, swapAvailableBytes: 15, swapUsageBytes: 5 },
      fs: {
        time,
        availableBytes: 40,
        capacityBytes: 100,
        usedBytes: 55,
        inodesFree: 4,
        inodes: 10,
        inodesUsed: 6,
      },
      runtime: {},
      rlimit: { time },
    });
    assert.deepEqual(plain(pods[0]?.() ?? {}), {
      podRef: { name: 'p"1', namespace: 'n', uid: '1' },
      startTime: '2026-03-01T11:59:00Z',
      containers: [
        {
          name: 'c',
          startTime: '2026-03-01T11:59:29Z',
          cpu: { time, usageCoreNanoSeconds: 3e9 },
          memory: { time, availableBytes: 60, workingSetBytes: 30 },
          io: { time },
          swap: { time, swapAvailableBytes: 19, swapUsageBytes: 1 },
          rootfs: { time, usedBytes: 3, inodesUsed: 1 },
          logs: { time, usedBytes: 4, inodesUsed: 2 },
        },
      ],
      cpu: { time, usageCoreNanoSeconds: 4e9 },
      memory: { time, availableBytes: 60, usageBytes: 50, workingSetBytes: 40 },
      io: { time },
      network: {
        time,
        name: 'eth0',
        rxBytes: 11,
        rxErrors: 0,
        txBytes: 12,
        txErrors: 0,
        interfaces: [{ name: 'eth0', rxBytes: 11, rxErrors: 0, txBytes: 12, txErrors: 0 }],
      },
      volume: [
        { time, usedBytes: 5, inodesUsed: 1, name: 'disk' },
        { time, usedBytes: 600, inodesUsed: 1, name: 'ram' },
      ],
      'ephemeral-storage': {
        time,
        availableBytes: 40,
        capacityBytes: 100,
        usedBytes: 12,
        inodesFree: 4,
        inodes: 10,
        inodesUsed: 4,
      },
      process_stats: { process_count: 3 },
    });
  });

  it('is of processor and memory alone if that is asked', async () => {
    const { node, pods } = summaryParts('box', await read(), { isBrief: true });
    assert.deepEqual(Object.keys(plain(node) as object), [
      'nodeName',
      'systemContainers',
      'startTime',
      'cpu',
      'memory',
      'swap',
    ]);
    assert.deepEqual(Object.keys(plain(pods[0]?.() ?? {}) as object), [
      'podRef',
      'startTime',
      'containers',
      'cpu',
      'memory',
    ]);
  });

  it('has volumes that others serve, with their claims, and takes none of them for the node’s disk', async () => {
    const claimed = { at, name: 'data', inMemory: false, isServed: true, usedBytes: 900, inodesUsed: 9 };
    const served = {
      read: () => Promise.resolve(new Map([['1', [{ ...claimed, claim: { name: 'c1', namespace: 'n' } }]]])),
    };
    const { pods } = summaryParts('box', await read(usageOf(), { served }), { isBrief: false });
    const pod = plain(pods[0]?.() ?? {}) as {
      volume: { name: string }[];
      'ephemeral-storage': { usedBytes: number };
    };
    const time = '2026-03-01T12:00:00Z';
    assert.deepEqual(
      pod.volume.map(({ name }) => name),
      ['disk', 'ram', 'data'],
    );
    assert.deepEqual(pod.volume[2], {
      time,
      usedBytes: 900,
      inodesUsed: 9,
      name: 'data',
      pvcRef: { name: 'c1', namespace: 'n' },
    });
    assert.equal(pod['ephemeral-storage'].usedBytes, 3 + 4 + 5);
  });

  it('has no network of a pod on the host’s', async () => {
    const pods = () => [{ pod: podOf(), state: stateOf({ sandboxes: [sandbox({ hostNetwork: true })] }) }];
    const parts = summaryParts('box', await read(usageOf(), { pods }), { isBrief: false });
    assert.equal(Object.hasOwn(plain(parts.pods[0]?.() ?? {}) as object, 'network'), false);
  });
});

describe('a node of several hosts', () => {
  const both = async () =>
    [
      await readerOf(usageOf).reader.read('full', { signal }),
      await readerOf(usageOf).reader.read('full', { signal }),
    ] as const;

  it('is their sum', async () => {
    const [a, b] = await both();
    const reading = nodeReading([a, b], { isPartial: false });
    assert.deepEqual(
      [reading.root?.cpuNanos, reading.root?.workingSetBytes, reading.nodeFs?.capacityBytes],
      [18e9, 1200, 200],
    );
    assert.equal(summaryParts('box', reading, { isBrief: false }).pods.length, 2);
  });

  it('has no sum while one of them is missing, and says so', async () => {
    const [a] = await both();
    const reading = nodeReading([a], { isPartial: true });
    assert.equal(reading.root, undefined);
    const text = await expositionText(resourceFamilies(reading));
    assert.match(text, /^resource_scrape_error 1$/m);
    assert.doesNotMatch(text, /^node_/m);
    assert.match(text, /^pod_cpu_usage_seconds_total/m);
  });
});

describe('/metrics/resource', () => {
  it('has a kubelet’s names, labels and time stamps', async () => {
    const text = await expositionText(resourceFamilies(await read()));
    assert.deepEqual(
      text.split('\n').filter((line) => line !== '' && !line.startsWith('#')),
      [
        `container_cpu_usage_seconds_total{container="c",namespace="n",pod="p\\"1"} 3 ${at}`,
        `container_memory_working_set_bytes{container="c",namespace="n",pod="p\\"1"} 30 ${at}`,
        `container_start_time_seconds{container="c",namespace="n",pod="p\\"1"} ${(at - 30_500) / 1000}`,
        `container_swap_limit_bytes{container="c",namespace="n",pod="p\\"1"} 20 ${at}`,
        `container_swap_usage_bytes{container="c",namespace="n",pod="p\\"1"} 1 ${at}`,
        `node_cpu_usage_seconds_total 9 ${at}`,
        `node_memory_working_set_bytes 600 ${at}`,
        `node_swap_usage_bytes 5 ${at}`,
        `pod_cpu_usage_seconds_total{namespace="n",pod="p\\"1"} 4 ${at}`,
        `pod_memory_working_set_bytes{namespace="n",pod="p\\"1"} 40 ${at}`,
        'resource_scrape_error 0',
        'scrape_error 0',
      ],
    );
  });

  it('of what can’t be read is an error and no figures', async () => {
    const text = await expositionText(resourceFamilies(undefined));
    assert.deepEqual(
      text.split('\n').filter((line) => line !== '' && !line.startsWith('#')),
      ['resource_scrape_error 1', 'scrape_error 1'],
    );
  });
});

describe('/metrics/cadvisor', () => {
  it('has cAdvisor’s names and labels, the network of the sandbox alone', async () => {
    const lines = (await expositionText(cadvisorFamilies(await read(), at))).split('\n');
    const of = (name: string) =>
      lines.filter((line) => line.startsWith(`${name}{`)).map((line) => line.slice(name.length));
    const pod = 'namespace="n",pod="p\\"1"';
    const own = `container="c",id="${POD}/cri-containerd-${containerId}.scope",image="busybox:1",name="${containerId}",${pod}`;
    const paused = `container="",id="${POD}/cri-containerd-${sandboxId}.scope",image="",name="${sandboxId}",${pod}`;
    const above = (id: string) => `container="",id="${id}",image="",name="",namespace="",pod=""`;
    assert.deepEqual(of('container_cpu_usage_seconds_total'), [
      `{${above('/')},cpu="total"} 9 ${at}`,
      `{${above('/kubepods')},cpu="total"} 5 ${at}`,
      `{container="",id="${POD}",image="",name="",${pod},cpu="total"} 4 ${at}`,
      `{${paused},cpu="total"} 1 ${at}`,
      `{${own},cpu="total"} 3 ${at}`,
    ]);
    assert.deepEqual(of('container_network_receive_bytes_total'), [`{${paused},interface="eth0"} 11 ${at}`]);
    assert.deepEqual(of('container_cpu_cfs_periods_total'), [`{${own}} 7 ${at}`]);
    assert.deepEqual(of('container_fs_reads_bytes_total'), [`{${own},device="/dev/sda1"} 1024 ${at}`]);
    assert.deepEqual(of('container_spec_memory_limit_bytes'), [
      `{container="",id="${POD}",image="",name="",${pod}} 100`,
      `{${own}} 90`,
    ]);
    assert.deepEqual(of('container_last_seen').length, 5);
    assert.ok(lines.includes('container_scrape_error 0'));
  });

  it('of what can’t be read is an error and no figures', async () => {
    const text = await expositionText(cadvisorFamilies(undefined, at));
    assert.deepEqual(
      text.split('\n').filter((line) => line !== '' && !line.startsWith('#')),
      ['container_scrape_error 1', 'machine_scrape_error 1'],
    );
  });

  it('of 110 pods lets others have their turn', async () => {
    const groups = new Map(usageOf().groups);
    const states = Array.from({ length: 110 }, (_, index) => {
      const id = index.toString(16).padStart(64, '0');
      groups.set(
        `${POD}/cri-containerd-${id}.scope`,
        groups.get(`${POD}/cri-containerd-${containerId}.scope`) ?? {},
      );
      return { pod: podOf(), state: stateOf({ containers: [container({ id })] }) };
    });
    const reading = await read(usageOf({ groups }), { pods: () => states });
    let turns = 0;
    let isOver = false;
    const watch = (): void => {
      turns += 1;
      if (!isOver) setImmediate(watch);
    };
    setImmediate(watch);
    const lines = (await expositionText(cadvisorFamilies(reading, at))).split('\n').length;
    isOver = true;
    assert.ok(lines > 2_000 && turns > lines / 500, `${turns} turns for ${lines} lines`);
  });
});
