/**
 * hostPaths of every type against what may be at the place: as a kubelet v1.36 has it, on every kind of host.
 */
import assert from 'node:assert/strict';
import { lstatSync, mkdirSync, mkdtempSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { after, afterEach, beforeEach, describe, it } from 'node:test';
import { toldOf } from '../../model/errors.ts';
import { triedHosts } from '../../testing/far-hosts.ts';
import { prepareHostPath } from './host-path.ts';

const { signal } = new AbortController();
const hosts = triedHosts();
after(() => {
  hosts.close();
});

const notA = (what: string, path: string): string => `hostPath type check failed: ${path} is not a ${what}`;

/** type, path below the top, then what is said of it (without the top) or what is there afterwards */
const rows: readonly (readonly [type: string, path: string, expected: string])[] = [
  ['', 'nothing', 'nothing'],
  ['Directory', 'dir', 'directory 700'],
  ['Directory', 'dirlink', 'link dir'],
  ['Directory', 'file', notA('directory', 'file')],
  ['Directory', 'dangling', notA('directory', 'dangling')],
  ['Directory', 'loop', notA('directory', 'loop')],
  ['Directory', 'file/x', notA('directory', 'file/x')],
  ['DirectoryOrCreate', 'dir', 'directory 700'],
  ['DirectoryOrCreate', 'new', 'directory 755'],
  ['DirectoryOrCreate', 'new/and/deeper', 'directory 755'],
  ['DirectoryOrCreate', 'dirlink/new', 'directory 755'],
  ['DirectoryOrCreate', 'file', notA('directory', 'file')],
  ['DirectoryOrCreate', 'filelink', notA('directory', 'filelink')],
  ['DirectoryOrCreate', 'file/x', 'mkdir file: not a directory'],
  ['DirectoryOrCreate', 'file/x/y', 'mkdir file: not a directory'],
  ['DirectoryOrCreate', 'filelink/x', 'mkdir filelink: not a directory'],
  // a kubelet finds that something exists, and leaves it to the runtime
  ['DirectoryOrCreate', 'dangling', 'link elsewhere/none'],
  ['DirectoryOrCreate', 'dangling/x', 'nothing'],
  ['DirectoryOrCreate', 'loop', 'link loop'],
  ['File', 'file', 'file 600'],
  ['File', 'filelink', 'link file'],
  ['File', 'dir', notA('file', 'dir')],
  ['File', 'dangling', notA('file', 'dangling')],
  ['File', 'socket', notA('file', 'socket')],
  ['File', 'nothing', notA('file', 'nothing')],
  ['FileOrCreate', 'file', 'file 600'],
  ['FileOrCreate', 'new', 'file 644'],
  ['FileOrCreate', 'dir', notA('file', 'dir')],
  ['FileOrCreate', 'none/new', 'open none/new: no such file or directory'],
  ['FileOrCreate', 'file/new', 'open file/new: not a directory'],
  ['FileOrCreate', 'soon', 'link later'],
  ['FileOrCreate', 'dangling', 'open dangling: no such file or directory'],
  ['FileOrCreate', 'loop', 'open loop: too many levels of symbolic links'],
  ['Socket', 'socket', 'socket'],
  ['Socket', 'file', notA('socket file', 'file')],
  ['Socket', 'nothing', notA('socket file', 'nothing')],
  ['CharDevice', 'file', notA('character device', 'file')],
  ['CharDevice', 'loop', notA('character device', 'loop')],
  ['BlockDevice', 'dangling', notA('block device', 'dangling')],
];

for (const [name, files] of hosts.all)
  describe(`hostPaths on ${name}`, () => {
    let top = '';
    const socket = createServer();
    beforeEach(async () => {
      top = mkdtempSync(`${tmpdir()}/farlet-places-`);
      mkdirSync(`${top}/dir`, { mode: 0o700 });
      writeFileSync(`${top}/file`, 'kept', { mode: 0o600 });
      for (const [path, target] of [
        ['dirlink', 'dir'],
        ['filelink', 'file'],
        ['dangling', 'elsewhere/none'],
        ['soon', 'later'],
        ['loop', 'loop'],
      ] as const)
        symlinkSync(target, `${top}/${path}`);
      await new Promise<void>((resolve) => socket.listen(`${top}/socket`, resolve));
    });
    afterEach(() => {
      socket.close();
      rmSync(top, { recursive: true });
    });

    for (const [type, path, expected] of rows)
      it(`of type ${JSON.stringify(type)} at ${path}: ${expected}`, async () => {
        const said = await prepareHostPath(files, { path: `${top}/${path}`, type }, { signal }).then(
          () => thereIs(`${top}/${path}`),
          (error: unknown) => toldOf(error).replaceAll(`${top}/`, ''),
        );
        assert.equal(said, expected);
        if (path === 'soon') assert.equal(thereIs(`${top}/later`), 'file 644');
      });
  });

function thereIs(path: string): string {
  const info = lstatSync(path, { throwIfNoEntry: false });
  if (info === undefined) return 'nothing';
  const mode = (info.mode & 0o7777).toString(8);
  if (info.isSymbolicLink()) return `link ${readlinkSync(path)}`;
  if (info.isSocket()) return 'socket';
  return `${info.isDirectory() ? 'directory' : 'file'} ${mode}`;
}
