/** On real files and mounts: as root only. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { after, before, describe, it } from 'node:test';
import { mountsAtOrBelow } from '../far/mountinfo.ts';
import type { FileOp } from '../link/link.ts';
import { LocalFiles } from './local-files.ts';

const files = new LocalFiles({ host: 'box' });
const { signal } = new AbortController();
const apply = (...ops: FileOp[]): Promise<void> => files.apply(ops, { signal });
const mountsBelow = async (path: string): Promise<string[]> =>
  mountsAtOrBelow(await files.mounts({ signal }), path);
const modeOf = (path: string): string => (lstatSync(path).mode & 0o7777).toString(8);

describe('files on the host', { skip: process.getuid?.() !== 0 && 'only root may mount' }, () => {
  let root = '';
  const at = (path: string): string => `${root}/${path}`;

  before(() => {
    root = mkdtempSync(`${tmpdir()}/farlet-mounts-`);
  });
  after(async () => {
    await apply({ op: 'unmount', path: root });
    files.close();
    rmSync(root, { recursive: true });
  });

  it('makes folders within a root with its mode, through links that stay in it', async () => {
    mkdirSync(at('vol/real'), { recursive: true });
    chmodSync(at('vol'), 0o2775);
    symlinkSync('real', at('vol/inner'));
    await apply({ op: 'mkdir-within', root: at('vol'), path: 'inner/./new//deep' });
    assert.equal(modeOf(at('vol/real/new/deep')), '2775');
    assert.equal(modeOf(at('vol/real/new')), '2775');
    writeFileSync(at('vol/file'), 'x');
    await apply({ op: 'mkdir-within', root: at('vol'), path: 'file' });
    await apply({ op: 'mkdir-within', root: at('vol'), path: 'real/new' });
  });

  it('makes nothing outside a root', async () => {
    mkdirSync(at('outside'));
    symlinkSync(at('outside'), at('vol/out'));
    symlinkSync('../outside', at('vol/up'));
    symlinkSync('nowhere', at('vol/dangling'));
    for (const path of ['out/x', 'up/x', 'out'])
      await assert.rejects(apply({ op: 'mkdir-within', root: at('vol'), path }), {
        kind: 'forbidden',
        message: /leads out of the volume/,
      });
    await assert.rejects(apply({ op: 'mkdir-within', root: at('vol'), path: 'dangling/x' }), {
      message: /not a directory/,
    });
    await assert.rejects(apply({ op: 'mkdir-within', root: at('vol'), path: 'file/x' }), {
      message: /not a directory/,
    });
    assert.equal(existsSync(at('outside/x')), false);
  });

  it('gives a tree to a group without touching what links point to', async () => {
    const tree = at('tree');
    mkdirSync(`${tree}/sub`, { recursive: true });
    writeFileSync(at('kept'), 'x', { mode: 0o600 });
    symlinkSync(at('kept'), `${tree}/link`);
    for (const [name, mode] of [
      ['plain', 0o400],
      ['program', 0o4755],
      ['-rf', 0o600],
    ] as const) {
      writeFileSync(`${tree}/${name}`, 'x');
      chownSync(`${tree}/${name}`, 1000, 1000);
      chmodSync(`${tree}/${name}`, mode);
    }
    chmodSync(`${tree}/sub`, 0o700);
    lchownSync(`${tree}/link`, 1000, 1000);
    await apply({ op: 'own-tree', path: tree, gid: 4321, readOnly: false, onlyOnRootMismatch: false });
    assert.deepEqual(
      ['', '/sub', '/plain', '/program', '/-rf'].map((name) => modeOf(tree + name)),
      ['2775', '2770', '660', '4775', '660'],
    );
    for (const name of ['', '/sub', '/plain', '/program', '/-rf', '/link'])
      assert.equal(lstatSync(tree + name).gid, 4321, name);
    assert.equal(lstatSync(`${tree}/link`).uid, 1000);
    assert.equal(modeOf(at('kept')), '600');
    assert.equal(statSync(at('kept')).gid, 0);
  });

  it('leaves a tree alone whose root is right, if asked to', async () => {
    writeFileSync(at('tree/later'), 'x', { mode: 0o600 });
    const own = (gid: number, more: object = {}): Promise<void> =>
      apply({ op: 'own-tree', path: at('tree'), gid, readOnly: false, onlyOnRootMismatch: true, ...more });
    await own(4321);
    assert.equal(modeOf(at('tree/later')), '600');
    await own(4322, { readOnly: true });
    assert.equal(modeOf(at('tree/later')), '640');
    assert.equal(statSync(at('tree/later')).gid, 4322);
  });

  it('binds files and folders once, and again when they are others', async () => {
    mkdirSync(at('source'));
    mkdirSync(at('targets'));
    writeFileSync(at('source/f'), 'one');
    const bind = { op: 'bind', source: at('source/f'), path: at('targets/f') } as const;
    await apply(bind, bind);
    assert.equal((await mountsBelow(at('targets'))).length, 1);
    rmSync(at('source/f'));
    writeFileSync(at('source/f'), 'two');
    await apply(bind);
    assert.equal(readFileSync(at('targets/f'), 'utf8'), 'two');
    rmSync(at('source/f'));
    mkdirSync(at('source/f'));
    await apply(bind);
    assert.equal(statSync(at('targets/f')).isDirectory(), true);
    await apply({ op: 'bind', source: at('source'), path: at('targets/d'), options: ['ro'] });
    assert.throws(() => {
      writeFileSync(at('targets/d/g'), '');
    }, /EROFS/);
    const mount = (await files.mounts({ signal })).find(({ path }) => path === at('targets/d'));
    assert.equal(mount?.root.endsWith('/source'), true);
    await apply({ op: 'unmount', path: at('targets') });
    assert.deepEqual(await mountsBelow(at('targets')), []);
  });

  it('unmounts what is below without unmounting it elsewhere', async () => {
    mkdirSync(at('shared/sub'), { recursive: true });
    await apply({ op: 'mount-tmpfs', path: at('shared'), mode: 0o755 });
    await apply({ op: 'mkdir', path: at('shared/sub'), mode: 0o755 });
    execFileSync('mount', ['--make-shared', at('shared')]);
    await apply({ op: 'bind', source: at('shared'), path: at('peer') });
    await apply({ op: 'mount-tmpfs', path: at('shared/sub'), mode: 0o755 });
    assert.equal((await mountsBelow(at('peer'))).length, 2);
    await apply({ op: 'unmount', path: at('peer') });
    assert.deepEqual(await mountsBelow(at('peer')), []);
    assert.equal((await mountsBelow(at('shared'))).length, 2);
    await apply({ op: 'unmount', path: at('shared') });
  });

  it('does so from a folder that is no mount', async () => {
    mkdirSync(at('given/sub'), { recursive: true });
    mkdirSync(at('pod/one'), { recursive: true });
    mkdirSync(at('pod/one two'));
    await apply({ op: 'mount-tmpfs', path: at('given'), mode: 0o755 });
    execFileSync('mount', ['--make-shared', at('given')]);
    await apply({ op: 'bind', source: at('given'), path: at('pod/one') });
    await apply({ op: 'bind', source: at('given'), path: at('pod/one two') });
    await apply({ op: 'mkdir', path: at('given/sub'), mode: 0o755 });
    await apply({ op: 'mount-tmpfs', path: at('given/sub'), mode: 0o755 });
    assert.equal((await mountsBelow(at('pod'))).length, 4);
    await apply({ op: 'unmount', path: at('pod') });
    assert.deepEqual(await mountsBelow(at('pod')), []);
    assert.equal((await mountsBelow(at('given'))).length, 2);
    await apply({ op: 'unmount', path: at('given') });
  });

  it('unmounts all that can be, and says which can not', async () => {
    for (const name of ['one', 'busy', 'two two']) {
      mkdirSync(at(`some/${name}`), { recursive: true });
      await apply({ op: 'mount-tmpfs', path: at(`some/${name}`), mode: 0o755 });
    }
    const held = openSync(at('some/busy/f'), 'w');
    await assert.rejects(
      apply({ op: 'unmount', path: at('some') }, { op: 'remove-tree', path: at('some') }),
      /some\/busy.*busy/,
    );
    assert.deepEqual(await mountsBelow(at('some')), [at('some/busy')]);
    await assert.rejects(apply({ op: 'remove-tree', path: at('some') }), { kind: 'conflict' });
    closeSync(held);
    await apply({ op: 'unmount', path: at('some') }, { op: 'remove-tree', path: at('some') });
    assert.equal(existsSync(at('some')), false);
  });

  it('unmounts what is mounted on top of each other', async () => {
    mkdirSync(at('stacked'));
    const tmpfs = { op: 'mount-tmpfs', path: at('stacked'), mode: 0o755 } as const;
    await apply(tmpfs);
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', at('stacked')]);
    assert.equal((await mountsBelow(at('stacked'))).length, 2);
    await apply({ op: 'unmount', path: at('stacked') });
    assert.deepEqual(await mountsBelow(at('stacked')), []);
  });

  it('mounts a tmpfs once, with size, mode and group', async () => {
    mkdirSync(at('memory'));
    const tmpfs = {
      op: 'mount-tmpfs',
      path: at('memory'),
      mode: 0o3777,
      gid: 77,
      sizeBytes: 1 << 20,
    } as const;
    await apply(tmpfs, tmpfs);
    assert.equal((await mountsBelow(at('memory'))).length, 1);
    assert.equal(modeOf(at('memory')), '3777');
    assert.equal(statSync(at('memory')).gid, 77);
    assert.equal((await files.usage(at('memory'), { signal })).capacityBytes, 1 << 20);
  });

  it('tells what a mount command said', async () => {
    mkdirSync(at('nfs'));
    const mount = { op: 'mount', type: 'nfs', source: 'no.such.host.invalid:/x', path: at('nfs') } as const;
    await assert.rejects(apply({ ...mount, options: ['nfsvers=4.2', 'soft'] }), (error: Error) => {
      assert.match(
        error.message,
        /^mount failed: exit status 32\nMounting command: mount\nMounting arguments: -t nfs -o nfsvers=4.2,soft no.such.host.invalid:\/x .*\/nfs\nOutput: ./,
      );
      return true;
    });
  });

  it('keeps folders and files that are there', async () => {
    mkdirSync(at('kept-folder'));
    chmodSync(at('kept-folder'), 0o700);
    await apply(
      { op: 'mkdir', path: at('kept-folder'), mode: 0o777, keep: true },
      { op: 'touch', path: at('kept'), mode: 0o666 },
      { op: 'touch', path: at('touched'), mode: 0o644 },
    );
    assert.equal(modeOf(at('kept-folder')), '700');
    await apply({ op: 'mkdir', path: at('kept-folder'), mode: 0o750 });
    await apply({ op: 'mkdir', path: at('kept-folder'), mode: 0o750 });
    assert.equal(modeOf(at('kept-folder')), '750');
    await apply({ op: 'mkdir', path: at('kept-folder'), mode: 0o2750, gid: 77 });
    assert.deepEqual([modeOf(at('kept-folder')), statSync(at('kept-folder')).gid], ['2750', 77]);
    assert.equal(readFileSync(at('kept'), 'utf8'), 'x');
    assert.equal(modeOf(at('touched')), '644');
    assert.equal(await files.realPath(at('vol/inner'), { signal }), at('vol/real'));
    await assert.rejects(files.realPath(at('vol/dangling'), { signal }), { kind: 'not-found' });
  });
});
