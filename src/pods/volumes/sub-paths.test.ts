import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { FileOp, FileType, HostFiles, MountEntry } from '../../hosts/link/link.ts';
import { HostError } from '../../model/errors.ts';
import { pod, quietLog } from '../../testing/fixtures.ts';
import { SubPaths } from './sub-paths.ts';

const paths = { rootDir: '/r', podLogsDir: '/l', containerLogsDir: '/c' };
const target = '/r/pods/uid-web/volume-subpaths/pv/c/3';

function prepare(world: {
  shown?: string;
  fault?: HostError;
  /** what is there; `fault` where looking at it fails */
  there?: Record<string, FileType | 'fault'>;
  subPath?: string;
}) {
  const done: FileOp[] = [];
  const mounts: MountEntry[] = [
    { path: '/', device: '8:1', root: '/', type: 'ext4' },
    { path: target, device: '8:1', root: world.shown ?? '/real/vol/a/b', type: 'ext4' },
  ];
  const files: Partial<HostFiles> = {
    apply: (ops) => {
      if (world.fault !== undefined) return Promise.reject(world.fault);
      done.push(...ops);
      return Promise.resolve();
    },
    stat: (path) => {
      const type = world.there?.[path];
      if (type === 'fault') return Promise.reject(new HostError('internal', 'box', 'a loop of links'));
      return Promise.resolve(
        type && { type, size: 0, mode: 0, uid: 0, gid: 0, mtime: 0, inode: 1, device: 1 },
      );
    },
    mounts: () => Promise.resolve(mounts),
    realPath: (path) => Promise.resolve(`/real${path}`),
  };
  const prepared = new SubPaths({ files: files as HostFiles, paths, log: quietLog }).prepareSubPaths(
    {
      pod: pod(),
      container: { name: 'c' },
      mounts: [{ index: 3, volume: 'v', subPath: world.subPath ?? './a//b' }],
      volumes: new Map([['v', { hostPath: '/vol', specName: 'pv' }]]),
    },
    { signal: new AbortController().signal },
  );
  return { done, prepared };
}

describe('parts of volumes', () => {
  it('are made within, bound, and looked at', async () => {
    const { done, prepared } = prepare({});
    assert.deepEqual([...(await prepared)], [[3, target]]);
    assert.deepEqual(done, [
      ...['volume-subpaths', 'volume-subpaths/pv', 'volume-subpaths/pv/c'].map((name) => ({
        op: 'mkdir',
        path: `/r/pods/uid-web/${name}`,
        mode: 0o750,
      })),
      { op: 'mkdir-within', root: '/vol', path: 'a/b' },
      { op: 'bind', source: '/vol/a/b', path: target },
    ]);
  });

  it('that lead out are unmounted and refused', async () => {
    const { done, prepared } = prepare({ shown: '/etc' });
    await assert.rejects(prepared, {
      kind: 'forbidden',
      message: 'failed to prepare subPath for volumeMount "v" of container "c"',
    });
    assert.deepEqual(done.at(-1), { op: 'unmount', path: target });
  });

  const fault = new HostError('internal', 'box', 'box: secret details');
  const prepared = 'failed to prepare subPath for volumeMount "v" of container "c"';
  const created = 'failed to create subPath directory for volumeMount "v" of container "c"';
  for (const [what, there, message] of [
    ['what is there', { '/vol': 'directory', '/vol/a': 'directory', '/vol/a/b': 'directory' }, prepared],
    ['a file that is there', { '/vol': 'directory', '/vol/a': 'directory', '/vol/a/b': 'file' }, prepared],
    ['nothing, not even a folder above', { '/vol': 'directory' }, created],
    ['nothing in a folder', { '/vol': 'directory', '/vol/a': 'directory' }, created],
    ['a file in the way', { '/vol': 'directory', '/vol/a': 'file' }, prepared],
    ['a loop in the way', { '/vol': 'directory', '/vol/a': 'fault' }, prepared],
    ['a volume that is a file', { '/vol': 'file' }, prepared],
    ['a volume that is not there', {}, 'stat /vol: no such file or directory'],
  ] as const)
    it(`that fail tell nothing of the host: ${what}`, async () => {
      await assert.rejects(prepare({ fault, there }).prepared, { message });
    });

  it('that could not be asked for fail as that', async () => {
    const gone = new HostError('unavailable', 'box', 'box: no link');
    await assert.rejects(prepare({ fault: gone, there: { '/vol': 'directory' } }).prepared, gone);
  });
});
