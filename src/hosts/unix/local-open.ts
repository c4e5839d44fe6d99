/**
 * Opens files of this machine that others may have put where they are (docs/adr/0017-hostile-files.md). What
 * a name leads to is held by O_PATH before it is opened: that neither waits for a FIFO's writer nor wakes a
 * device, and what was looked at is what is read.
 */
import { constants, type Stats } from 'node:fs';
import { open, readlink, type FileHandle } from 'node:fs/promises';
import { notRegular } from '../link/errno.ts';
import { fileType } from './file-info.ts';

/** Linux's value on every architecture that Node runs on; Node has no name for it. */
const O_PATH = 0o10000000;
const { O_RDONLY, O_NONBLOCK, O_NOFOLLOW, O_DIRECTORY } = constants;
/** The kernel's own limit (path_resolution(7)). */
const MAX_LINKS = 40;
/** Each is an open file while a path is walked. */
const MAX_DEPTH = 128;

/** It is there, and is no regular file: nothing of it was opened. */
export class NotRegular extends Error {}

/** Links are followed as ever. Rejects with NotRegular for anything but a regular file. */
export async function openRegular(path: string): Promise<FileHandle> {
  await using held = await open(path, O_PATH);
  return await reopened(held, await held.stat());
}

/**
 * `path` is relative to the folder `root`, and who writes below it may swap anything at any time: its links
 * are read as if root were /, as a kubelet does (cyphar/filepath-securejoin), so that none leads out.
 */
export async function openWithin(root: string, path: string): Promise<FileHandle> {
  const folders: FileHandle[] = [await open(root, O_PATH | O_DIRECTORY)];
  try {
    const left = path.split('/').reverse();
    for (let links = 0; left.length > 0;) {
      const part = left.pop() ?? '';
      if (part === '' || part === '.') continue;
      if (part === '..') {
        if (folders.length > 1) await folders.pop()?.close();
        continue;
      }
      const name = `/proc/self/fd/${String(folders.at(-1)?.fd)}/${part}`;
      const found = await open(name, O_PATH | O_NOFOLLOW);
      const stats = await found.stat();
      if (stats.isDirectory() && folders.length < MAX_DEPTH) {
        folders.push(found);
        continue;
      }
      await using held = found;
      if (!stats.isSymbolicLink()) {
        if (left.some((each) => each !== '' && each !== '.')) throw new CodeError('ENOTDIR');
        return await reopened(held, stats);
      }
      links += 1;
      if (links > MAX_LINKS) throw new CodeError('ELOOP');
      // whatever the name is by now, its target is text that is walked like any other
      const target = await readlink(name);
      if (target.startsWith('/')) for (const folder of folders.splice(1)) await folder.close();
      left.push(...target.split('/').reverse());
    }
    throw new NotRegular(notRegular('directory'));
  } finally {
    for (const folder of folders) await folder.close();
  }
}

function reopened(held: FileHandle, stats: Stats): Promise<FileHandle> {
  if (!stats.isFile()) throw new NotRegular(notRegular(fileType(stats)));
  // a lease that somebody has on the file would be waited for without O_NONBLOCK
  return open(`/proc/self/fd/${String(held.fd)}`, O_RDONLY | O_NONBLOCK);
}

/** As Node's own errors of the file system. */
class CodeError extends Error {
  readonly code: string;
  constructor(code: string) {
    super(code);
    this.code = code;
  }
}
