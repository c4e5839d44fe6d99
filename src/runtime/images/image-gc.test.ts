import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { criFault, FakeCri, FakeEvents } from '../../testing/fake-host.ts';
import { FakeClock, quietLog } from '../../testing/fixtures.ts';
import { insufficientRoom, roomToMake, unusedImages, type ImageRecord } from './image-gc.ts';
import { ImageCollector } from './image-collector.ts';

const { signal } = new AbortController();
const node = { kind: 'Node', name: 'n' };
const MINUTE = 60_000;

describe('room to make', () => {
  const policy = { highPercent: 85, lowPercent: 80 };
  const rows: [available: number, expect: ReturnType<typeof roomToMake>][] = [
    [160, undefined],
    [150, { usagePercent: 85, bytes: 50 }],
    [151, { usagePercent: 85, bytes: 49 }],
    [0, { usagePercent: 100, bytes: 200 }],
    [2000, undefined],
  ];
  for (const [availableBytes, expect] of rows)
    it(`${availableBytes} of 1000 left`, () => {
      assert.deepEqual(roomToMake({ capacityBytes: 1000, availableBytes }, policy), expect);
    });

  it('says what was not enough', () => {
    assert.equal(
      insufficientRoom(
        { usagePercent: 91, freedBytes: 7 },
        { capacityBytes: 1.5 * 1024 ** 3, availableBytes: 0 },
      ),
      "Insufficient free disk space on the node's image filesystem (91% of 1.5 GiB used). Failed to free sufficient space by deleting unused images (freed 7 bytes). Investigate disk usage, as it could be used by active images, logs, volumes, or other data.",
    );
  });
});

describe('the order in which images go', () => {
  const record = (
    id: string,
    lastUsed: number,
    firstDetected: number,
    pinned = false,
  ): [string, ImageRecord] => [id, { id, lastUsed, firstDetected, sizeBytes: 1, pinned }];
  it('is by last use, then by first sight; used and pinned ones stay', () => {
    const records = new Map([
      record('used-late', 8, 1),
      record('in-use', 10, 1),
      record('never-new', -Infinity, 3),
      record('never-old', -Infinity, 2),
      record('pinned', -Infinity, 1, true),
      record('used-early', 7, 9),
    ]);
    assert.deepEqual(
      unusedImages(records, 10).map(({ id }) => id),
      ['never-old', 'never-new', 'used-early', 'used-late'],
    );
  });
});

interface Stored {
  id: string;
  size: number;
  pinned?: boolean;
  tags?: string[];
}

function setUp(options: {
  images: Stored[];
  used?: object[];
  mounted?: string[];
  availableBytes?: number;
  maxAgeMs?: number;
  stuck?: string[];
  status?: object;
}) {
  let images = options.images;
  const cri = new FakeCri({
    listImages: () => ({
      images: images.map(({ id, size, pinned = false, tags = [] }) => ({
        id,
        size,
        pinned,
        repo_tags: tags,
        repo_digests: [],
      })),
    }),
    status: () => options.status ?? { info: {} },
    listContainers: () => ({ containers: options.used ?? [] }),
    removeImage: ({ image }: { image: { image: string } }) => {
      if (options.stuck?.includes(image.image) === true) throw criFault('busy');
      images = images.filter(({ id }) => id !== image.image);
    },
  });
  const clock = new FakeClock();
  const events = new FakeEvents();
  const removed: string[] = [];
  const remaining: string[][] = [];
  const collector = new ImageCollector({
    cri: cri.client,
    policy: { highPercent: 85, lowPercent: 80, minAgeMs: 2 * MINUTE, maxAgeMs: options.maxAgeMs ?? 0 },
    clock,
    log: quietLog,
    events,
    node,
    imageFs: () =>
      Promise.resolve({
        capacityBytes: 1000,
        availableBytes: options.availableBytes ?? 100,
        inodes: 0,
        inodesFree: 0,
      }),
    mountedImages: () => options.mounted ?? [],
    onRemoved: (reason) => removed.push(reason),
    onCollected: ({ ids }) => remaining.push([...ids]),
  });
  const gone = (): string[] =>
    cri.calls
      .filter(({ method }) => method === 'removeImage')
      .map(({ request }) => (request.image as { image: string }).image);
  return { collector, clock, events, removed, remaining, gone };
}
const containerOf = (image_id: string, image = ''): object => ({ image_id, image_ref: '', image: { image } });

describe('image collection', () => {
  it('leaves images alone that came only now, then takes as many as needed', async () => {
    const { collector, clock, gone, removed, remaining, events } = setUp({
      images: ['a', 'b', 'c'].map((id) => ({ id, size: 60 })),
    });
    await collector.collect({ signal });
    assert.deepEqual(gone(), []);
    await clock.advance(5 * MINUTE);
    await collector.collect({ signal });
    assert.deepEqual(gone(), ['a', 'b']);
    assert.deepEqual(removed, ['space', 'space']);
    assert.deepEqual(remaining.at(-1), ['c']);
    assert.equal(events.seen.length, 1);
    assert.match(events.seen[0] ?? '', /^Warning FreeDiskSpaceFailed/);
  });

  it('keeps what a container, a volume or a pin holds, whoever made it', async () => {
    const { collector, clock, gone } = setUp({
      images: [
        { id: 'by-id', size: 1 },
        { id: 'by-name', size: 1, tags: ['r.io/x:1'] },
        { id: 'mounted', size: 1, tags: ['r.io/m:1'] },
        { id: 'pinned', size: 1, pinned: true },
        { id: 'unused', size: 1 },
      ],
      used: [containerOf('by-id'), containerOf('', 'r.io/x:1')],
      mounted: ['r.io/m:1'],
    });
    await collector.collect({ signal });
    await clock.advance(5 * MINUTE);
    await collector.deleteUnused({ signal });
    assert.deepEqual(gone(), ['unused']);
  });

  it('keeps the image of sandboxes, which containerd 1.6 does not pin', async () => {
    const { collector, clock, gone } = setUp({
      images: [
        { id: 'pause', size: 1, tags: ['k8s.gcr.io/pause:3.6'] },
        { id: 'unused', size: 1 },
      ],
      status: { info: { config: '{"sandboxImage":"k8s.gcr.io/pause:3.6"}' } },
    });
    await collector.collect({ signal });
    await clock.advance(5 * MINUTE);
    await collector.deleteUnused({ signal });
    assert.deepEqual(gone(), ['unused']);
  });

  it('does nothing while there is room', async () => {
    const { collector, clock, gone } = setUp({ images: [{ id: 'a', size: 1 }], availableBytes: 160 });
    await collector.collect({ signal });
    await clock.advance(5 * MINUTE);
    await collector.collect({ signal });
    assert.deepEqual(gone(), []);
  });

  it('takes what is older than the maximum age once it has watched for that long', async () => {
    const { collector, clock, gone, removed } = setUp({
      images: [{ id: 'a', size: 1 }],
      availableBytes: 500,
      maxAgeMs: 10 * MINUTE,
    });
    for (const _ of [0, 5, 10]) {
      await collector.collect({ signal });
      await clock.advance(5 * MINUTE);
    }
    assert.deepEqual(gone(), []);
    await collector.collect({ signal });
    assert.deepEqual([gone(), removed], [['a'], ['age']]);
  });

  it('goes on after one that does not go, and tells of it when that happens again', async () => {
    const { collector, clock, gone, events } = setUp({
      images: [
        { id: 'a', size: 50 },
        { id: 'b', size: 50 },
        { id: 'c', size: 50 },
      ],
      stuck: ['a'],
    });
    await collector.collect({ signal });
    await clock.advance(5 * MINUTE);
    await collector.collect({ signal });
    assert.deepEqual(gone(), ['a', 'b', 'c']);
    assert.deepEqual(
      events.seen.map((text) => text.split(' ', 2).join(' ')),
      ['Warning FreeDiskSpaceFailed:', 'Warning ImageGCFailed:'],
    );
  });
});
