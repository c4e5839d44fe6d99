import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { evictionThresholds, type EvictionThreshold } from '../../model/eviction-thresholds.ts';
import type { Pod } from '../../model/kube.ts';
import type { NodePressure } from '../../model/node-info.ts';
import { binaryText, canonicalText, decimalText } from '../../model/quantity-text.ts';
import { pod } from '../../testing/fixtures.ts';
import { refusedUnderPressure } from './admit-under-pressure.ts';
import { calm, decideEviction, withContainerFs, type EvictionState } from './decide.ts';
import { exceededLimit } from './local-storage.ts';
import { evictionMessage } from './message.ts';
import { reclaimable } from './reclaim.ts';
import { signalsFrom, type Observations } from './signals.ts';
import type { ContainerUse, PodUse } from './usage.ts';

const Mi = 1024 ** 2;
const Gi = 1024 ** 3;
const oneDisk = { rootDir: '/r', imageMount: '/i', imageFs: undefined, split: false };
const imageDisk = { ...oneDisk, imageFs: '/i' };

function thresholds(
  hard: Record<string, string>,
  soft: Record<string, string> = {},
  more: { grace?: Record<string, number>; reclaim?: Record<string, string> } = {},
): EvictionThreshold[] {
  return evictionThresholds({
    evictionHard: hard,
    evictionSoft: soft,
    evictionSoftGracePeriod: more.grace ?? {},
    evictionMinimumReclaim: more.reclaim ?? {},
  });
}

function memory(available: number): Observations {
  return new Map([['memory.available', { available, capacity: 10 * Gi }]]);
}

describe('signals', () => {
  it('are read off what the host says of itself', () => {
    const usage = (availableBytes: number, inodes: number) => ({
      usage: { capacityBytes: 100, availableBytes, inodes, inodesFree: 7 },
    });
    const found = signalsFrom(
      [
        {
          text: 'MemTotal:  1000 kB\nMemFree:  100 kB\nMemAvailable:  900 kB\nInactive(anon):  9 kB\nInactive(file):  50 kB\n',
        },
        { text: '0.1 0.2 0.3 2/345 9999\n' },
        { text: '4194304\n' },
        { text: '1345\n' },
        usage(60, 10),
        usage(20, 0),
      ],
      imageDisk,
    );
    assert.deepEqual(Object.fromEntries(found), {
      'memory.available': { available: 150 * 1024, capacity: 1000 * 1024 },
      'pid.available': { available: 1000, capacity: 1345 },
      'nodefs.available': { available: 60, capacity: 100 },
      'nodefs.inodesFree': { available: 7, capacity: 10 },
      'imagefs.available': { available: 20, capacity: 100 },
      'containerfs.available': { available: 20, capacity: 100 },
    });
  });

  it('that the host does not tell are no shortage', () => {
    const found = signalsFrom([{}, {}, {}, {}, {}], oneDisk);
    assert.equal(found.size, 0);
    const { act } = decideEviction({
      thresholds: thresholds({ 'memory.available': '100Mi' }),
      observations: found,
      state: calm,
      transitionMs: 1,
      now: 0,
    });
    assert.deepEqual(act, []);
  });
});

describe('decisions over time', () => {
  const rows: {
    name: string;
    thresholds: EvictionThreshold[];
    steps: [at: number, available: number, pressures: NodePressure[], act: string[]][];
  }[] = [
    {
      name: 'a hard threshold acts at once; its condition stays for the transition period',
      thresholds: thresholds({ 'memory.available': '100Mi' }),
      steps: [
        [0, 100 * Mi, [], []],
        [10, 100 * Mi - 1, ['MemoryPressure'], ['memory.available']],
        [20, 200 * Mi, ['MemoryPressure'], []],
        [309, 200 * Mi, ['MemoryPressure'], []],
        [310, 200 * Mi, [], []],
      ],
    },
    {
      name: 'a soft threshold acts when its grace is over, and begins again after a pause',
      thresholds: thresholds({}, { 'memory.available': '10%' }, { grace: { 'memory.available': 30 } }),
      steps: [
        [0, Gi - 1, ['MemoryPressure'], []],
        [20, Gi - 1, ['MemoryPressure'], []],
        [30, Gi - 1, ['MemoryPressure'], ['memory.available']],
        [40, 2 * Gi, ['MemoryPressure'], []],
        [50, Gi - 1, ['MemoryPressure'], []],
        [80, Gi - 1, ['MemoryPressure'], ['memory.available']],
      ],
    },
    {
      name: 'what has acted acts on until the minimum reclaim is there',
      thresholds: thresholds(
        { 'memory.available': '100Mi' },
        {},
        { reclaim: { 'memory.available': '50Mi' } },
      ),
      steps: [
        [0, 120 * Mi, [], []],
        [10, 90 * Mi, ['MemoryPressure'], ['memory.available']],
        [20, 120 * Mi, ['MemoryPressure'], ['memory.available']],
        [30, 150 * Mi, ['MemoryPressure'], []],
        [40, 120 * Mi, ['MemoryPressure'], []],
      ],
    },
  ];
  for (const row of rows)
    it(row.name, () => {
      let state: EvictionState = calm;
      for (const [now, available, pressures, act] of row.steps) {
        const decision = decideEviction({
          thresholds: row.thresholds,
          observations: memory(available),
          state,
          transitionMs: 300,
          now,
        });
        assert.deepEqual(
          [decision.pressures, decision.act.map(({ signal }) => signal)],
          [pressures, act],
          `at ${now}`,
        );
        state = decision.state;
      }
    });

  it('act on memory first', () => {
    const short = { available: 0, capacity: 100 };
    const { act, pressures } = decideEviction({
      thresholds: thresholds({ 'pid.available': '10', 'nodefs.available': '10%', 'memory.available': '1Mi' }),
      observations: new Map([
        ['pid.available', short],
        ['nodefs.available', short],
        ['memory.available', short],
      ]),
      state: calm,
      transitionMs: 1,
      now: 0,
    });
    assert.equal(act[0]?.signal, 'memory.available');
    assert.deepEqual(pressures, ['MemoryPressure', 'DiskPressure', 'PIDPressure']);
  });

  it('watch writable layers as the file system they are on', () => {
    const set = thresholds({
      'nodefs.available': '10%',
      'imagefs.available': '15%',
      'containerfs.available': '99%',
    });
    const derived = (disks: typeof imageDisk | typeof oneDisk): unknown =>
      withContainerFs(set, disks)
        .filter(({ signal }) => signal === 'containerfs.available')
        .map(({ value }) => value.kind === 'part' && Math.round(value.part * 100));
    assert.deepEqual(derived(oneDisk), [10]);
    assert.deepEqual(derived(imageDisk), [15]);
    assert.deepEqual(derived({ ...imageDisk, split: true }), [10]);
  });

  it('reclaim what the node itself can give up', () => {
    assert.deepEqual(reclaimable('memory.available', oneDisk), []);
    assert.deepEqual(reclaimable('nodefs.available', oneDisk), ['containers', 'images']);
    assert.deepEqual(reclaimable('nodefs.available', imageDisk), []);
    assert.deepEqual(reclaimable('imagefs.inodesFree', imageDisk), ['containers', 'images']);
    assert.deepEqual(reclaimable('imagefs.available', { ...imageDisk, split: true }), ['images']);
    assert.deepEqual(reclaimable('containerfs.available', { ...imageDisk, split: true }), ['containers']);
  });
});

function use(change: Partial<PodUse> & { container?: Partial<ContainerUse> } = {}): PodUse {
  const { container, ...rest } = change;
  return {
    memoryBytes: undefined,
    processes: undefined,
    containers: [{ name: 'c', memoryBytes: undefined, rootfs: undefined, logs: undefined, ...container }],
    volumes: new Map(),
    ...rest,
  };
}
const fs = (bytes: number, inodes = 1) => ({ bytes, inodes });

describe('messages', () => {
  it('of memory name the threshold and who used more than asked for', () => {
    const evicted = pod({
      spec: {
        containers: [
          { name: 'c', image: 'x', resources: { requests: { memory: '1024Ki' } } },
          { name: 'd', image: 'x', resources: {} },
        ],
      },
    });
    const { message, annotations } = evictionMessage(
      evicted,
      use({
        containers: [
          { name: 'c', memoryBytes: 3 * Mi, rootfs: undefined, logs: undefined },
          { name: 'd', memoryBytes: 5000, rootfs: undefined, logs: undefined },
          { name: 'stranger', memoryBytes: 9 * Mi, rootfs: undefined, logs: undefined },
        ],
      }),
      {
        resource: 'memory',
        thresholds: thresholds({ 'memory.available': '100Mi' }),
        observations: memory(50 * Mi + 512),
      },
    );
    assert.deepEqual(annotations, {
      offending_containers: 'c,d',
      offending_containers_usage: '3Mi,5000',
      starved_resource: 'memory',
    });
    assert.equal(
      message,
      'The node was low on resource: memory. Threshold quantity: 100Mi, available: 52429312. Container c was using 3Mi, request is 1Mi, has larger consumption of memory. Container d was using 5000, request is 0, has larger consumption of memory. ',
    );
  });

  it('of disk count layer and logs; percentages become amounts', () => {
    const { message, annotations } = evictionMessage(
      pod(),
      use({ container: { rootfs: fs(2 * Mi), logs: fs(1024) } }),
      {
        resource: 'ephemeral-storage',
        thresholds: thresholds({ 'nodefs.available': '50%' }),
        observations: new Map([['nodefs.available', { available: Mi, capacity: 4 * Mi }]]),
      },
    );
    assert.deepEqual(annotations, {
      offending_containers: 'c',
      offending_containers_usage: '2049Ki',
      starved_resource: 'ephemeral-storage',
    });
    assert.equal(
      message,
      'The node was low on resource: ephemeral-storage. Threshold quantity: 2Mi, available: 1Mi. Container c was using 2049Ki, request is 0, has larger consumption of ephemeral-storage. ',
    );
  });

  const annotated: { name: string; spec: Partial<Pod['spec']>; use: PodUse | undefined; expect: object }[] = [
    { name: 'no use is known', spec: {}, use: undefined, expect: {} },
    {
      name: 'nobody has more than it asked for',
      spec: { containers: [{ name: 'c', image: 'x', resources: { requests: { memory: '10Mi' } } }] },
      use: use({ container: { memoryBytes: 10 * Mi } }),
      expect: { offending_containers: '', offending_containers_usage: '', starved_resource: 'memory' },
    },
    {
      name: 'the pod asks as a whole',
      spec: { resources: { requests: { memory: '1Gi' } } },
      use: use({ memoryBytes: 2 * Mi, container: { memoryBytes: Mi } }),
      expect: {
        offending_pod: 'web',
        offending_pod_usage: '2Mi',
        offending_containers: 'c',
        offending_containers_usage: '1Mi',
        starved_resource: 'memory',
      },
    },
  ];
  for (const row of annotated)
    it(`annotations, if ${row.name}`, () => {
      const { annotations } = evictionMessage(pod({ metadata: { name: 'web' }, spec: row.spec }), row.use, {
        resource: 'memory',
        thresholds: thresholds({ 'memory.available': '100Mi' }),
        observations: memory(50 * Mi),
      });
      assert.deepEqual(annotations, row.expect);
    });

  it('quantities are in their canonical form', () => {
    assert.deepEqual(['1024Mi', '0.5Gi', '1G', '1000', '100Mi', '0'].map(canonicalText), [
      '1Gi',
      '512Mi',
      '1G',
      '1k',
      '100Mi',
      '0',
    ]);
    assert.deepEqual(
      [binaryText(1000), binaryText(1536), binaryText(0), decimalText(5000)],
      ['1k', '1536', '0', '5k'],
    );
  });
});

describe('limits on local storage', () => {
  const limited = (
    limits: Record<string, string>[],
    volumes: NonNullable<ReturnType<typeof pod>['spec']['volumes']> = [],
  ) =>
    pod({
      spec: {
        containers: limits.map((each, index) => ({
          name: index === 0 ? 'c' : `c${index}`,
          image: 'x',
          resources: { limits: each },
        })),
        volumes,
      },
    });
  const rows: {
    name: string;
    subject: ReturnType<typeof pod>;
    use: PodUse;
    dedicated?: boolean;
    expect: unknown;
  }[] = [
    {
      name: 'a volume at its limit stays',
      subject: limited([{}], [{ name: 'v', emptyDir: { sizeLimit: '1Gi' } }]),
      use: use({ volumes: new Map([['v', fs(Gi)]]) }),
      expect: undefined,
    },
    {
      name: 'a volume beyond it',
      subject: limited([{}], [{ name: 'v', emptyDir: { sizeLimit: '1024Mi' } }]),
      use: use({ volumes: new Map([['v', fs(Gi + 1)]]) }),
      expect: {
        signal: 'emptydirfs.limit',
        message: 'Usage of EmptyDir volume "v" exceeds the limit "1Gi". ',
      },
    },
    {
      name: 'all containers together',
      subject: limited(
        [{ 'ephemeral-storage': '1Mi' }, { 'ephemeral-storage': '1Mi' }],
        [
          { name: 'v', emptyDir: {} },
          { name: 'm', emptyDir: { medium: 'Memory' } },
        ],
      ),
      use: use({
        container: { rootfs: fs(Mi), logs: fs(0) },
        volumes: new Map([
          ['v', fs(Mi + 1)],
          ['m', fs(Gi)],
        ]),
      }),
      expect: {
        signal: 'ephemeralpodfs.limit',
        message: 'Pod ephemeral local storage usage exceeds the total limit of containers 2Mi. ',
      },
    },
    {
      name: 'one container',
      subject: limited([{ 'ephemeral-storage': '1Mi' }, { 'ephemeral-storage': '1Gi' }]),
      use: use({ container: { rootfs: fs(Mi), logs: fs(1) } }),
      expect: {
        signal: 'ephemeralcontainerfs.limit',
        message: 'Container c exceeded its local ephemeral storage limit "1Mi". ',
      },
    },
    {
      name: 'one whose layer is on a file system of its own',
      subject: limited([{ 'ephemeral-storage': '1Mi' }, { 'ephemeral-storage': '1Gi' }]),
      use: use({ container: { rootfs: fs(Mi), logs: fs(1) } }),
      dedicated: true,
      expect: undefined,
    },
  ];
  for (const row of rows)
    it(row.name, () => {
      assert.deepEqual(
        exceededLimit(row.subject, row.use, { dedicatedImageFs: row.dedicated ?? false }),
        row.expect,
      );
    });
});

describe('admission to a node under pressure', () => {
  const burstable = { containers: [{ name: 'c', image: 'x', resources: { requests: { cpu: '1' } } }] };
  const memoryTaint = { key: 'node.kubernetes.io/memory-pressure', operator: 'Exists' };
  const rows: {
    name: string;
    subject: ReturnType<typeof pod>;
    pressures: NodePressure[];
    refused: boolean;
  }[] = [
    { name: 'no pressure', subject: pod(), pressures: [], refused: false },
    { name: 'best effort, memory', subject: pod(), pressures: ['MemoryPressure'], refused: true },
    {
      name: 'burstable, memory',
      subject: pod({ spec: burstable }),
      pressures: ['MemoryPressure'],
      refused: false,
    },
    {
      name: 'best effort that tolerates it',
      subject: pod({ spec: { tolerations: [memoryTaint] } }),
      pressures: ['MemoryPressure'],
      refused: false,
    },
    {
      name: 'tolerant, memory and disk',
      subject: pod({ spec: { ...burstable, tolerations: [memoryTaint] } }),
      pressures: ['MemoryPressure', 'DiskPressure'],
      refused: true,
    },
    {
      name: 'burstable, disk',
      subject: pod({ spec: burstable }),
      pressures: ['DiskPressure'],
      refused: true,
    },
    {
      name: 'critical',
      subject: pod({ spec: { priority: 2e9 } }),
      pressures: ['DiskPressure'],
      refused: false,
    },
    {
      name: 'static',
      subject: pod({ metadata: { annotations: { 'kubernetes.io/config.source': 'file' } } }),
      pressures: ['PIDPressure'],
      refused: false,
    },
  ];
  for (const { name, subject, pressures, refused } of rows)
    it(name, () => {
      assert.deepEqual(
        refusedUnderPressure(subject, pressures),
        refused
          ? {
              kind: 'refused',
              reason: 'Evicted',
              message: `The node had condition: [${pressures.join(' ')}]. `,
            }
          : undefined,
      );
    });
});
