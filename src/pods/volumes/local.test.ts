import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { FileInfo, FileType, MountEntry } from '../../hosts/link/link.ts';
import { pod } from '../../testing/fixtures.ts';
import { checkLocalSource, isMountedInPods, localOps } from './local.ts';
import { mountContent } from './mount-content.ts';
import { MountStepError } from './mount-step-error.ts';
import { showsPartOf } from './shows-part-of.ts';

const entry = (path: string, device: string, root = '/'): MountEntry => ({
  path,
  device,
  root,
  type: 'ext4',
});
const found = (type: FileType): FileInfo => ({
  type,
  size: 0,
  mode: 0,
  uid: 0,
  gid: 0,
  mtime: 0,
  inode: 1,
  device: 1,
});

describe('local volumes', () => {
  const refused: [source: string, there: FileType | undefined, message: string | RegExp][] = [
    ['/a/../b', 'directory', "invalid path: /a/../b must not contain '..'"],
    ['/a', undefined, 'path "/a" does not exist'],
    ['/a', 'file', 'only directory and block device are supported'],
    ['/a', 'block-device', /^\/a is a block device: farlet neither formats nor mounts devices; mount it/],
  ];
  for (const [source, there, message] of refused)
    it(`can't be ${there ?? 'nothing'} at ${source}`, () => {
      const check = (): void => {
        checkLocalSource(source, there === undefined ? undefined : found(there));
      };
      assert.throws(check, { message });
    });

  it('fail where the kubelet looks', () => {
    try {
      checkLocalSource('/a', undefined);
      assert.fail();
    } catch (error) {
      assert.ok(error instanceof MountStepError);
      assert.equal(error.step, 'MountVolume.NewMounter initialization failed');
    }
    checkLocalSource('/a', found('directory'));
  });

  it('are bound, and given to the group of the first pod', () => {
    const grouped = pod({ spec: { securityContext: { fsGroup: 7, fsGroupChangePolicy: 'OnRootMismatch' } } });
    const base = {
      pod: grouped,
      source: '/d',
      path: '/v',
      readOnly: false,
      mountOptions: ['noatime'],
      isShared: false,
    };
    assert.deepEqual(localOps(base), {
      bind: [{ op: 'bind', source: '/d', path: '/v', options: ['noatime'] }],
      own: [{ op: 'own-tree', path: '/v', gid: 7, readOnly: false, onlyOnRootMismatch: true }],
    });
    assert.deepEqual(localOps({ ...base, isShared: true }).own, []);
    assert.deepEqual(localOps({ ...base, pod: pod() }).own, []);
    assert.deepEqual(localOps({ ...base, readOnly: true }), {
      bind: [{ op: 'bind', source: '/d', path: '/v', options: ['ro', 'noatime'] }],
      own: [],
    });
  });

  it('are known to be used by another pod by what is mounted there', () => {
    const mounts = [entry('/', '8:1'), entry('/mnt', '8:2'), entry('/pods/u/v', '8:2', '/d')];
    const at = (but: string): boolean =>
      isMountedInPods(mounts, { realSource: '/mnt/d', podsDir: '/pods', but });
    assert.equal(at('/pods/other/v'), true);
    assert.equal(at('/pods/u/v'), false);
    assert.equal(isMountedInPods(mounts, { realSource: '/mnt/e', podsDir: '/pods', but: '' }), false);
  });
});

describe('what a path shows', () => {
  const mounts = [
    entry('/', '8:1'),
    entry('/mnt', '8:2', '/sub'),
    entry('/mnt', '8:3'),
    entry('/mnt/deep', '8:4', '/x'),
  ];
  const rows: [path: string, device: string, root: string][] = [
    ['/', '8:1', '/'],
    ['/mntx/a', '8:1', '/mntx/a'],
    ['/mnt', '8:3', '/'],
    ['/mnt/a', '8:3', '/a'],
    ['/mnt/deep/a', '8:4', '/x/a'],
  ];
  for (const [path, device, root] of rows)
    it(`${path} is ${root} of ${device}`, () => {
      assert.deepEqual(mountContent(mounts, path), { device, root });
    });
});

describe('a part of a volume', () => {
  const volume = '/pods/u/volumes/e';
  const check = (target: MountEntry | undefined, more: MountEntry[] = [], realRoot = volume): boolean =>
    showsPartOf([entry('/', '8:1'), ...more, ...(target === undefined ? [] : [target])], {
      target: '/t',
      realRoot,
    });
  const rows: [name: string, ok: boolean, run: () => boolean][] = [
    ['a folder in it', true, () => check(entry('/t', '8:1', `${volume}/a/b`))],
    ['all of it', true, () => check(entry('/t', '8:1', volume))],
    ['a folder beside that begins alike', false, () => check(entry('/t', '8:1', `${volume}2`))],
    ['a folder above', false, () => check(entry('/t', '8:1', '/pods'))],
    ['another file system', false, () => check(entry('/t', '8:9', `${volume}/a`))],
    ['nothing', false, () => check(undefined)],
    ['a folder of a tmpfs volume', true, () => check(entry('/t', '0:5', '/a'), [entry(volume, '0:5')])],
    [
      'the disk below a tmpfs volume',
      false,
      () => check(entry('/t', '8:1', `${volume}/a`), [entry(volume, '0:5')]),
    ],
    [
      'what is mounted in it',
      true,
      () => check(entry('/t', '8:7', '/d/x'), [entry(`${volume}/m`, '8:7', '/d')]),
    ],
    [
      'more than what is mounted in it',
      false,
      () => check(entry('/t', '8:7', '/e'), [entry(`${volume}/m`, '8:7', '/d')]),
    ],
    ['anything of the whole host', true, () => check(entry('/t', '8:7', '/e'), [entry('/m', '8:7')], '/')],
    [
      'the last of two mounts on one path',
      false,
      () => check(entry('/t', '8:1', '/etc'), [entry('/t', '8:1', `${volume}/a`)]),
    ],
  ];
  for (const [name, ok, run] of rows)
    it(`${ok ? 'is' : 'is not'} ${name}`, () => {
      assert.equal(run(), ok);
    });
});
