/** The steps of a batch, done on the machine that farlet itself runs on. */
import { constants } from 'node:fs';
import {
  chmod,
  lchown,
  lstat,
  mkdir,
  open,
  rename,
  rm,
  rmdir,
  stat,
  symlink,
  unlink,
} from 'node:fs/promises';
import { dirname } from 'node:path';
import { HostError } from '../../model/errors.ts';
import type { Clock } from '../../util/clock.ts';
import { ignore } from './file-info.ts';
import { gzipFile } from './gzip-file.ts';
import type { Call, FileOp, HostFiles } from '../link/link.ts';
import { isOtherDevice, localMountsBelow } from './local-mounts.ts';
import { removeCgroup } from './remove-cgroup.ts';

const FALLBACK_MODE = 0o755;

export interface LocalOpsOptions {
  readonly host: string;
  readonly clock: Clock;
  /** for what takes a command */
  readonly shell: Pick<HostFiles, 'apply'>;
}

export class LocalOps {
  readonly #options: LocalOpsOptions;

  constructor(options: LocalOpsOptions) {
    this.#options = options;
  }

  async perform(op: FileOp, call: Call): Promise<void> {
    const { signal } = call;
    const { shell, clock } = this.#options;
    switch (op.op) {
      case 'mkdir':
        await makeFolder(op);
        return;
      case 'touch':
        await touch(op);
        return;
      case 'write':
        await writeInPlace(op);
        return;
      case 'symlink':
        await makeLink(op);
        return;
      case 'rename':
        await rename(op.from, op.to);
        return;
      case 'chmod':
        await chmod(op.path, op.mode);
        return;
      case 'lchown':
        await lchown(op.path, op.uid, op.gid);
        return;
      case 'remove':
        await remove(op.path);
        return;
      case 'remove-tree':
        await this.#removeTree(op);
        return;
      case 'mount-tmpfs':
        if (!(await isOtherDevice(op.path))) await shell.apply([{ ...op, isFree: true }], call);
        return;
      // the shell has to look what is mounted all the same
      case 'unmount':
      case 'spread':
      case 'mkdir-within':
      case 'mount':
      case 'bind':
      case 'own-tree':
        await shell.apply([op], call);
        return;
      case 'gzip':
        await gzipFile(op.path, { signal });
        return;
      case 'set':
        await setValue(op);
        return;
      case 'remove-cgroup':
        await removeCgroup(op, { clock, signal });
    }
  }

  /** Deletes the tree unless something is mounted in it: data under a mount is not ours to delete. */
  async #removeTree({ path, isFree = false }: FileOp & { op: 'remove-tree' }): Promise<void> {
    const mounts = isFree ? [] : await localMountsBelow(path);
    if (mounts.length > 0) {
      throw new HostError(
        'conflict',
        this.#options.host,
        `${path} is not deleted: ${mounts.join(', ')} still mounted; unmount it first`,
      );
    }
    await rm(path, { recursive: true, force: true });
  }
}

/** Of several who make it only the first sets mode and owner of a folder that is to be kept. */
async function makeFolder(op: FileOp & { op: 'mkdir' }): Promise<void> {
  if (await makeWithParents(op.path)) {
    await own(op);
    await chmod(op.path, op.mode);
    return;
  }
  const there = await stat(op.path).catch(() => undefined);
  if (there?.isDirectory() !== true)
    throw new PlaceError(there === undefined ? 'EEXIST' : 'ENOTDIR', op.path);
  if (op.keep === true) return;
  await own(op);
  // to give it to somebody may take bits of its mode
  if ((there.mode & 0o7777) !== op.mode || op.uid !== undefined || op.gid !== undefined)
    await chmod(op.path, op.mode);
}

/**
 * Whether it was made: false if it was there. Parents are mostly there: only their absence is worth a look.
 */
async function makeWithParents(path: string): Promise<boolean> {
  const make = (): Promise<boolean> =>
    mkdir(path).then(
      () => true,
      (error: unknown) => {
        ignore('EEXIST')(error);
        return false;
      },
    );
  try {
    return await make();
  } catch (error) {
    if (!['ENOENT', 'ENOTDIR'].includes(codeOf(error))) throw error;
    await makeAll(dirname(path));
    return make();
  }
}

/** Go's os.MkdirAll: what is in the way is named. */
async function makeAll(path: string): Promise<void> {
  const there = await stat(path).catch(() => undefined);
  if (there?.isDirectory() === true) return;
  if (there !== undefined) throw new PlaceError('ENOTDIR', path);
  if (dirname(path) !== path) await makeAll(dirname(path));
  try {
    await mkdir(path, { mode: FALLBACK_MODE });
  } catch (error) {
    if ((await lstat(path).catch(() => undefined))?.isDirectory() !== true)
      throw new PlaceError(codeOf(error), path);
  }
}

/** A failure of the system at a place that is not the one which was asked for. */
class PlaceError extends Error {
  readonly code: string;
  readonly at: string;
  constructor(code: string, at: string) {
    super(`${code} at ${at}`);
    this.code = code;
    this.at = at;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

async function own(op: { path: string; uid?: number; gid?: number }): Promise<void> {
  if (op.uid !== undefined || op.gid !== undefined) await lchown(op.path, op.uid ?? -1, op.gid ?? -1);
}

async function touch({ path, mode, follow }: FileOp & { op: 'touch' }): Promise<void> {
  await makeFile(path, mode);
  if (follow !== true || !(await lstat(path)).isSymbolicLink()) return;
  await using _file = await open(path, constants.O_CREAT | constants.O_RDONLY | constants.O_NONBLOCK, mode);
}

/** Without emptying what is there, whoever made it first. */
async function makeFile(path: string, mode: number): Promise<void> {
  try {
    await using _file = await open(path, 'wx', mode);
  } catch (error) {
    ignore('EEXIST')(error);
    return;
  }
  await chmod(path, mode);
}

/** Mostly nothing is there: what is takes a second try. */
async function makeLink({ path, target }: FileOp & { op: 'symlink' }): Promise<void> {
  try {
    await symlink(target, path);
  } catch (error) {
    ignore('EEXIST')(error);
    await unlink(path).catch(ignore('ENOENT'));
    await symlink(target, path);
  }
}

/** The same inode is kept: a container may have the file bind-mounted (its hosts file). */
async function writeInPlace(op: FileOp & { op: 'write' }): Promise<void> {
  await using file = await open(op.path, 'w', op.mode);
  await file.writeFile(op.data);
  await own(op);
  await file.chmod(op.mode);
}

/**
 * Never made: a control group's files come with it, and one that is missing means that the kernel can't do
 * it.
 */
async function setValue(op: FileOp & { op: 'set' }): Promise<void> {
  await using file = await open(op.path, constants.O_WRONLY);
  await file.write(op.value);
}

/** The files in it go with the folder; only folders are removed. */
async function remove(path: string): Promise<void> {
  const info = await lstat(path).catch(ignore('ENOENT'));
  if (info === undefined) return;
  await (info.isDirectory() ? rmdir(path) : unlink(path));
}
