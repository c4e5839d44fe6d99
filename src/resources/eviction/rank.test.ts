import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { EvictionSignal } from '../../model/eviction-thresholds.ts';
import type { Pod } from '../../model/kube.ts';
import { pod } from '../../testing/fixtures.ts';
import { rankPods } from './rank.ts';
import type { FsUse, PodUse } from './usage.ts';

const Mi = 1024 ** 2;
const oneDisk = { imageFs: undefined, split: false };
const imageDisk = { imageFs: '/i', split: false };
const splitDisk = { imageFs: '/i', split: true };

interface Use {
  memory?: number;
  processes?: number;
  rootfs?: FsUse;
  logs?: FsUse;
  volumes?: Record<string, FsUse>;
}
/** bytes and inodes */
const fs = (bytes: number, inodes = 0): FsUse => ({ bytes, inodes });

function useOf({ memory, processes, rootfs, logs, volumes = {} }: Use): PodUse {
  return {
    memoryBytes: memory,
    processes,
    containers: [{ name: 'c', memoryBytes: undefined, rootfs, logs }],
    volumes: new Map(Object.entries(volumes)),
  };
}

interface Ranked {
  priority?: number;
  requests?: Record<string, string>;
  spec?: Partial<Pod['spec']>;
  /** undefined: nothing is known of it */
  use?: Use;
}

function order(
  signal: EvictionSignal,
  pods: Record<string, Ranked>,
  layout = oneDisk as typeof imageDisk | typeof oneDisk,
): string[] {
  const of = Object.entries(pods).map(([name, { priority, requests, spec }]) =>
    pod({
      metadata: { uid: name, name },
      spec: {
        ...(priority === undefined ? {} : { priority }),
        containers: [{ name: 'c', image: 'x', resources: { requests: requests ?? {} } }],
        volumes: [
          { name: 'empty', emptyDir: {} },
          { name: 'memory', emptyDir: { medium: 'Memory' } },
          { name: 'pages', emptyDir: { medium: 'HugePages' } },
          { name: 'config', configMap: { name: 'x' } },
          { name: 'secret', secret: { secretName: 'x' } },
        ],
        ...spec,
      },
    }),
  );
  const known = (uid: string): PodUse | undefined => {
    const use = pods[uid]?.use;
    return use === undefined ? undefined : useOf(use);
  };
  return rankPods(of, known, { signal, layout }).map(({ metadata: { name } }) => name);
}

interface Row {
  name: string;
  signal: EvictionSignal;
  layout?: typeof imageDisk | typeof oneDisk;
  pods: Record<string, Ranked>;
  expect: string[];
}

function table(rows: readonly Row[]): void {
  for (const { name, signal, layout, pods, expect } of rows)
    it(name, () => {
      assert.deepEqual(order(signal, pods, layout), expect);
    });
}

describe('for memory', () => {
  const signal = 'memory.available';
  const requests = { memory: '100Mi' };
  table([
    {
      name: 'a pod of which nothing is known goes first, whatever its priority',
      signal,
      pods: { over: { use: { memory: 900 * Mi } }, unknown: { priority: 100 } },
      expect: ['unknown', 'over'],
    },
    {
      name: 'a pod over its request goes before one within, whatever its priority and use',
      signal,
      pods: {
        within: { requests: { memory: '1Gi' }, use: { memory: 900 * Mi } },
        over: { priority: 10, requests, use: { memory: 101 * Mi } },
      },
      expect: ['over', 'within'],
    },
    {
      name: 'use that equals the request is within it',
      signal,
      pods: { equal: { requests, use: { memory: 100 * Mi } }, over: { priority: 1, use: { memory: 1 } } },
      expect: ['over', 'equal'],
    },
    {
      name: 'a pod that uses nothing is within, though it asks for nothing',
      signal,
      pods: { idle: { use: {} }, over: { priority: 1, use: { memory: 1 } } },
      expect: ['over', 'idle'],
    },
    {
      name: 'the lower priority goes first, whatever the use',
      signal,
      pods: { high: { priority: 2, use: { memory: 900 * Mi } }, low: { priority: 1, use: { memory: Mi } } },
      expect: ['low', 'high'],
    },
    {
      name: 'no priority is priority 0',
      signal,
      pods: {
        one: { priority: 1, use: { memory: Mi } },
        without: { use: { memory: Mi } },
        less: { priority: -1, use: { memory: Mi } },
      },
      expect: ['less', 'without', 'one'],
    },
    {
      name: 'the one furthest over its request goes first, not the one that uses most',
      signal,
      pods: {
        most: { requests: { memory: '800Mi' }, use: { memory: 900 * Mi } },
        furthest: { requests, use: { memory: 300 * Mi } },
      },
      expect: ['furthest', 'most'],
    },
    {
      name: 'of those within, the one nearest to its request goes first',
      signal,
      pods: { far: { requests, use: { memory: 10 * Mi } }, near: { requests, use: { memory: 90 * Mi } } },
      expect: ['near', 'far'],
    },
    {
      name: 'overhead counts on top of a request',
      signal,
      pods: {
        within: { requests, spec: { overhead: { memory: '50Mi' } }, use: { memory: 140 * Mi } },
        over: { priority: 1, requests, use: { memory: 101 * Mi } },
      },
      expect: ['over', 'within'],
    },
    {
      name: 'overhead alone is no request',
      signal,
      pods: {
        within: { requests, use: { memory: 100 * Mi } },
        over: { priority: 1, spec: { overhead: { memory: '50Mi' } }, use: { memory: 40 * Mi } },
      },
      expect: ['over', 'within'],
    },
    {
      name: 'what the pod asks for as a whole goes before what its containers do',
      signal,
      pods: {
        within: { requests, spec: { resources: { requests: { memory: '1Gi' } } }, use: { memory: 900 * Mi } },
        over: { priority: 1, requests, use: { memory: 101 * Mi } },
      },
      expect: ['over', 'within'],
    },
    {
      name: 'the last in order stay in the order they came in',
      signal,
      pods: { x: { use: { memory: 1 } }, y: { use: { memory: 1 } }, z: { use: { memory: 1 } } },
      expect: ['x', 'y', 'z'],
    },
  ]);
});

describe('for process ids', () => {
  const signal = 'pid.available';
  table([
    {
      name: 'the lower priority goes first, and then the one with most',
      signal,
      pods: {
        few: { use: { processes: 1 } },
        high: { priority: 1, use: { processes: 99 } },
        many: { use: { processes: 9 } },
      },
      expect: ['many', 'few', 'high'],
    },
    {
      name: 'of one priority, a pod of which nothing is known goes first',
      signal,
      pods: { many: { use: { processes: 9 } }, unknown: {}, low: { priority: -1, use: { processes: 1 } } },
      expect: ['low', 'unknown', 'many'],
    },
    {
      name: 'a number that is not told is 0',
      signal,
      pods: { untold: { use: {} }, one: { use: { processes: 1 } } },
      expect: ['one', 'untold'],
    },
  ]);
});

describe('for disk', () => {
  const bytes = 'nodefs.available';
  const requests = { 'ephemeral-storage': '100Mi' };
  const layer = { use: { rootfs: fs(30 * Mi, 3) } };
  const logs = { use: { logs: fs(20 * Mi, 2) } };
  const volume = { use: { volumes: { empty: fs(10 * Mi, 1) } } };
  /** fewest first, so that no order is by chance */
  const each = { volume, logs, layer };
  table([
    { name: 'with one disk all counts', signal: bytes, pods: each, expect: ['layer', 'logs', 'volume'] },
    {
      name: 'with one disk all counts for images too',
      signal: 'imagefs.available',
      pods: each,
      expect: ['layer', 'logs', 'volume'],
    },
    {
      name: 'with one disk all inodes count',
      signal: 'nodefs.inodesFree',
      pods: each,
      expect: ['layer', 'logs', 'volume'],
    },
    {
      name: 'with a disk for images, layers do not count for the node',
      signal: bytes,
      layout: imageDisk,
      pods: each,
      expect: ['logs', 'volume', 'layer'],
    },
    {
      name: 'with a disk for images, only layers count for it',
      signal: 'imagefs.available',
      layout: imageDisk,
      pods: each,
      expect: ['layer', 'volume', 'logs'],
    },
    {
      name: 'with a disk for images, layers are on it',
      signal: 'containerfs.inodesFree',
      layout: imageDisk,
      pods: each,
      expect: ['layer', 'volume', 'logs'],
    },
    {
      name: 'with layers on the node and images elsewhere, all counts for the node',
      signal: bytes,
      layout: splitDisk,
      pods: each,
      expect: ['layer', 'logs', 'volume'],
    },
    {
      name: 'with layers on the node and images elsewhere, layers are on the node',
      signal: 'containerfs.available',
      layout: splitDisk,
      pods: each,
      expect: ['layer', 'logs', 'volume'],
    },
    {
      name: 'with layers on the node and images elsewhere, nothing counts for images but priority',
      signal: 'imagefs.available',
      layout: splitDisk,
      pods: { ...each, low: { priority: -1, use: {} } },
      expect: ['low', 'volume', 'logs', 'layer'],
    },
    {
      name: 'config maps and empty dirs count, what is in memory or not measured does not',
      signal: bytes,
      pods: {
        secret: { use: { volumes: { secret: fs(9 * Mi) } } },
        memory: { use: { volumes: { memory: fs(9 * Mi) } } },
        pages: { use: { volumes: { pages: fs(9 * Mi) } } },
        config: { use: { volumes: { config: fs(1) } } },
        empty: { use: { volumes: { empty: fs(2) } } },
      },
      expect: ['empty', 'config', 'secret', 'memory', 'pages'],
    },
    {
      name: 'a pod over its request goes before one within, whatever its priority and use',
      signal: bytes,
      pods: {
        within: { requests: { 'ephemeral-storage': '1Gi' }, use: { rootfs: fs(500 * Mi) } },
        over: { priority: 1, use: { rootfs: fs(1) } },
      },
      expect: ['over', 'within'],
    },
    {
      name: 'the lower priority goes first, whatever the use',
      signal: bytes,
      pods: { high: { priority: 1, use: { rootfs: fs(9 * Mi) } }, low: { use: { rootfs: fs(1) } } },
      expect: ['low', 'high'],
    },
    {
      name: 'the one furthest over its request goes first',
      signal: bytes,
      pods: { most: { requests, use: { rootfs: fs(150 * Mi) } }, furthest: { use: { logs: fs(60 * Mi) } } },
      expect: ['furthest', 'most'],
    },
    {
      name: 'a pod of which nothing is known goes first',
      signal: bytes,
      pods: { layer, unknown: { priority: 9 } },
      expect: ['unknown', 'layer'],
    },
    {
      name: 'requests of containers count for nothing if the pod asks for something as a whole',
      signal: bytes,
      pods: {
        within: { requests, use: { rootfs: fs(90 * Mi) } },
        over: {
          requests,
          priority: 1,
          spec: { resources: { requests: { memory: '1Mi' } } },
          use: { rootfs: fs(50 * Mi) },
        },
      },
      expect: ['over', 'within'],
    },
    {
      name: 'any inode is over: none can be asked for',
      signal: 'nodefs.inodesFree',
      pods: {
        none: { use: { rootfs: fs(9 * Mi, 0) } },
        one: { priority: 1, requests, use: { rootfs: fs(0, 1) } },
      },
      expect: ['one', 'none'],
    },
    {
      name: 'the request for bytes is taken off inodes too, as the kubelet does',
      signal: 'nodefs.inodesFree',
      pods: { more: { requests, use: { rootfs: fs(0, 9) } }, fewer: { use: { rootfs: fs(0, 1) } } },
      expect: ['fewer', 'more'],
    },
  ]);
});

describe('for every signal', () => {
  const signal = fc.constantFrom<EvictionSignal>(
    'memory.available',
    'pid.available',
    'nodefs.available',
    'nodefs.inodesFree',
    'imagefs.available',
  );
  const layout = fc.constantFrom(oneDisk, imageDisk, splitDisk);
  const amount = fc.nat({ max: 3 });
  const known = fc.record({
    memory: amount,
    processes: amount,
    rootfs: fc.record({ bytes: amount, inodes: amount }),
    logs: fc.record({ bytes: amount, inodes: amount }),
  });
  const ranked: fc.Arbitrary<Ranked[]> = fc.array(
    fc.record({
      priority: fc.nat({ max: 2 }),
      requests: amount.map((of) => ({ memory: String(of), 'ephemeral-storage': String(of) })),
      use: known,
    }),
    { maxLength: 6 },
  );
  const named = (list: readonly Ranked[]): Record<string, Ranked> =>
    Object.fromEntries(list.map((each, index) => [`p${String(index)}`, each]));

  it('all pods are ranked, each once', () => {
    fc.assert(
      fc.property(signal, layout, ranked, (on, disks, list) => {
        const pods = named(list);
        assert.deepEqual(order(on, pods, disks).toSorted(), Object.keys(pods).toSorted());
      }),
    );
  });

  it('who goes before whom does not depend on the others', () => {
    fc.assert(
      fc.property(signal, layout, ranked, (on, disks, list) => {
        const pods = named(list);
        const all = order(on, pods, disks);
        const some = Object.fromEntries(Object.entries(pods).filter((_, index) => index % 2 === 0));
        assert.deepEqual(
          order(on, some, disks),
          all.filter((name) => some[name] !== undefined),
        );
      }),
    );
  });

  it('less use never makes a pod go earlier', () => {
    fc.assert(
      fc.property(signal, layout, ranked, (on, disks, list) => {
        const pods = named(list);
        const [first] = Object.keys(pods);
        if (first === undefined) return;
        const place = order(on, pods, disks).indexOf(first);
        const less = { ...pods, [first]: { ...pods[first], use: {} } };
        assert.ok(order(on, less, disks).indexOf(first) >= place);
      }),
    );
  });
});
