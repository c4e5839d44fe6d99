import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HostQuery } from '../hosts/link/link.ts';
import type { Pod } from '../model/kube.ts';
import { FakeFiles } from '../testing/fake-host.ts';
import { quietLog } from '../testing/fixtures.ts';
import { DiskReader, fsFigures, type DiskReaderOptions } from './disk-reader.ts';

const { signal } = new AbortController();
const value = (of: number) => ({ value: of });
const fs = (mountpoint: string, used: number) => ({
  fs_id: { mountpoint },
  used_bytes: value(used),
  inodes_used: value(7),
});
const pod = {
  metadata: { name: 'p', namespace: 'n', uid: '1' },
  spec: {
    containers: [{ name: 'c' }],
    volumes: [
      { name: 'disk', emptyDir: {} },
      { name: 'ram', emptyDir: { medium: 'Memory' } },
      { name: 'huge', emptyDir: { medium: 'HugePages' } },
      { name: 'words', configMap: { name: 'w' } },
      { name: 'key', secret: { secretName: 's' } },
      { name: 'far', nfs: { server: 's', path: '/' } },
      { name: 'own', hostPath: { path: '/' } },
    ],
  },
} as unknown as Pod;
const volumes = '/root/pods/1/volumes/kubernetes.io~';

function readerOf(more: Partial<DiskReaderOptions> = {}) {
  const files = new FakeFiles();
  const usage = { capacityBytes: 100, availableBytes: 60, freeBytes: 70, inodes: 10, inodesFree: 6 };
  for (const path of ['/root', '/images', '/logs', `${volumes}empty-dir/ram`, `${volumes}secret/key`])
    files.seen.set(`usage ${path}`, { usage });
  files.seen.set('tree /logs/n_p_1/c', { tree: { bytes: 5, inodes: 2 } });
  files.seen.set(`tree ${volumes}empty-dir/disk`, { tree: { bytes: 6, inodes: 3 } });
  const timers: (() => void)[] = [];
  const clock = {
    time: 0,
    now: () => 1000,
    monotonic: () => clock.time,
    after: (_ms: number, call: () => void) => {
      timers.push(call);
      return () => undefined;
    },
  };
  let asked = 0;
  const reader = new DiskReader({
    cri: {
      listContainerStats: () => {
        asked += 1;
        return Promise.resolve({
          stats: [{ attributes: { id: 'a' }, writable_layer: fs('/images', 3) }],
        } as never);
      },
      imageFsInfo: () =>
        Promise.resolve({ image_filesystems: [fs('/images', 40)], container_filesystems: [] } as never),
    },
    files: files.files,
    paths: { rootDir: '/root', podLogsDir: '/logs', containerLogsDir: '/links' },
    owner: {},
    clock,
    log: quietLog,
    signal,
    ...more,
  });
  return { reader, files, clock, timers, asked: () => asked };
}

describe('what pods take of disks', () => {
  it('is the runtime’s word of layers, and measured of logs and of volumes that farlet made', async () => {
    const { reader, files } = readerOf();
    const known = await reader.read([pod], ['a']);
    const whole = { at: 1000, capacityBytes: 100, availableBytes: 60, inodes: 10, inodesFree: 6 };
    assert.deepEqual(known.imageFs, { ...whole, usedBytes: 40, inodesUsed: 7 });
    assert.deepEqual(known.containerFs, known.imageFs);
    assert.deepEqual(known.layers.get('a'), { ...whole, usedBytes: 3, inodesUsed: 7 });
    assert.deepEqual(known.logs.get('1/c'), { ...whole, usedBytes: 5, inodesUsed: 2 });
    assert.deepEqual(known.volumes.get('1'), [
      { ...whole, usedBytes: 6, inodesUsed: 3, name: 'disk', inMemory: false },
      { ...whole, usedBytes: 30, inodesUsed: 4, name: 'ram', inMemory: true },
      { ...whole, usedBytes: 30, inodesUsed: 4, name: 'key', inMemory: true },
    ]);
    const asked = (files.looks[0] ?? []).map(({ look, path }: HostQuery) => `${look} ${path}`);
    assert.ok(!asked.some((each) => /huge|far|own/.test(each)), asked.join());
    assert.equal(files.looks.length, 1, 'one round trip');
  });

  it('is measured once a minute, and sooner where a container is new', async () => {
    const { reader, clock, asked } = readerOf();
    await reader.read([pod], ['a']);
    clock.time += 59_999;
    await reader.read([pod], ['a']);
    assert.equal(asked(), 1);
    await reader.read([pod], ['a', 'b']);
    assert.equal(asked(), 2);
    clock.time += 9_999;
    await reader.read([pod], ['a', 'b']);
    assert.equal(asked(), 2, 'a runtime that has no figures of it yet is not asked on and on');
    clock.time += 50_001;
    await reader.read([pod], ['a']);
    assert.equal(asked(), 3);
  });

  it('that takes long keeps nobody, and is told once it is known', async () => {
    const done = Promise.withResolvers<never>();
    const { reader, timers } = readerOf({
      cri: {
        listContainerStats: () => done.promise,
        imageFsInfo: () => Promise.resolve({ image_filesystems: [], container_filesystems: [] } as never),
      },
    });
    const first = reader.read([pod], []);
    for (const call of timers) call();
    assert.equal((await first).logs.size, 0);
    const second = reader.read([pod], []);
    done.resolve({ stats: [] } as never);
    assert.equal((await second).logs.size, 1);
  });

  it('that can’t be measured is not known', async () => {
    const { reader } = readerOf({
      cri: {
        listContainerStats: () => Promise.reject(new Error('no')),
        imageFsInfo: () => Promise.reject(new Error('no')),
      },
    });
    assert.equal((await reader.read([pod], [])).layers.size, 0);
  });

  it('of a file system that counts more free inodes than it has is left out', () => {
    const odd = { capacityBytes: 1, availableBytes: 1, freeBytes: 1, inodes: 5, inodesFree: 6 };
    assert.equal(fsFigures(odd, 'all', 0).inodesUsed, undefined);
    assert.equal(fsFigures({ ...odd, inodesFree: 4 }, 'all', 0).inodesUsed, 1);
    const { freeBytes: _, ...less } = odd;
    assert.equal(fsFigures(less, 'all', 0).usedBytes, undefined);
  });
});
