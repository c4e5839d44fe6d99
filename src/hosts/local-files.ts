/** The files of the machine that farlet itself runs on: what the unix link's hosts have. */
import { constants, watch, type Stats } from 'node:fs';
import {
  chmod,
  lchown,
  lstat,
  mkdir,
  open,
  readdir,
  readlink,
  realpath,
  rename,
  rm,
  rmdir,
  stat,
  statfs,
  symlink,
  unlink,
} from 'node:fs/promises';
import { dirname } from 'node:path';
import { HostError, type ErrorKind } from '../model/errors.ts';
import { orAbort } from '../util/abort.ts';
import { systemClock, type Clock } from '../util/clock.ts';
import { gzipFile } from './gzip-file.ts';
import { removeCgroup } from './remove-cgroup.ts';
import type {
  DirEntry,
  FileInfo,
  FileOp,
  FileType,
  FsUsage,
  HostAnswer,
  HostFile,
  HostFiles,
  HostQuery,
  MountEntry,
} from './link.ts';
import { LocalMounts } from './local-mounts.ts';
import { treeUsage } from './tree-usage.ts';

const POLL_MS = 1_000;
const MAX_LOOK_TEXT = 65_536;
const FIRST_READ = 4_096;
const FALLBACK_MODE = 0o755;

const kinds: Record<string, ErrorKind> = {
  ENOENT: 'not-found',
  ENOTDIR: 'not-found',
  EACCES: 'forbidden',
  EPERM: 'forbidden',
  EROFS: 'forbidden',
  ENOSPC: 'resource-exhausted',
  EDQUOT: 'resource-exhausted',
  EEXIST: 'already-exists',
  EBUSY: 'conflict',
};

export class LocalFiles implements HostFiles {
  readonly #host: string;
  readonly #clock: Clock;
  readonly #mounts: LocalMounts;

  constructor(options: { host: string; clock?: Clock }) {
    this.#host = options.host;
    this.#mounts = new LocalMounts(options);
    this.#clock = options.clock ?? systemClock;
  }

  async apply(ops: readonly FileOp[], { signal }: { signal: AbortSignal }): Promise<void> {
    for (const op of ops) {
      signal.throwIfAborted();
      await this.#named(`${op.op} ${op.op === 'rename' ? op.from : op.path}`, () =>
        this.#perform(op, signal),
      );
    }
  }

  readFile(path: string, { maxBytes }: { signal: AbortSignal; maxBytes: number }): Promise<Buffer> {
    return this.#named(`read ${path}`, async () => {
      await using file = await open(path);
      const chunks: Buffer[] = [];
      let size = 0;
      // /proc files have no size: read until the end
      for (;;) {
        const { bytesRead, buffer } = await file.read({
          // most files that are read again and again are short ones of /proc
          buffer: Buffer.allocUnsafe(Math.min(size === 0 ? FIRST_READ : 65_536, maxBytes - size + 1)),
        });
        if (bytesRead === 0) return Buffer.concat(chunks);
        size += bytesRead;
        if (size > maxBytes)
          throw new HostError('invalid', this.#host, `${path} is longer than ${maxBytes} bytes`);
        chunks.push(buffer.subarray(0, bytesRead));
      }
    });
  }

  readTail(path: string, { maxBytes }: { signal: AbortSignal; maxBytes: number }): Promise<Buffer> {
    return this.#named(`read ${path}`, async () => {
      await using file = await open(path);
      const { size } = await file.stat();
      const buffer = Buffer.alloc(Math.min(size, maxBytes));
      const { bytesRead } = await file.read(buffer, 0, buffer.length, size - buffer.length);
      return buffer.subarray(0, bytesRead);
    });
  }

  open(path: string, _options: { signal: AbortSignal }): Promise<HostFile> {
    return this.#named(`open ${path}`, async () => {
      const file = await open(path);
      return {
        read: async (position, length) => {
          const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(length), 0, length, position);
          return buffer.subarray(0, bytesRead);
        },
        info: async () => fileInfo(await file.stat()),
        moved: async () => {
          const [named, held] = await Promise.all([stat(path).catch(ignore('ENOENT')), file.stat()]);
          return named !== undefined && (named.ino !== held.ino || named.dev !== held.dev);
        },
        close: () => file.close(),
      };
    });
  }

  stat(path: string, options: { signal: AbortSignal; follow?: boolean }): Promise<FileInfo | undefined> {
    return this.#unlessMissing(`stat ${path}`, async () =>
      fileInfo(await (options.follow === true ? stat(path) : lstat(path))),
    );
  }

  readLink(path: string, _options: { signal: AbortSignal }): Promise<string | undefined> {
    return this.#unlessMissing(`read link ${path}`, () => readlink(path));
  }

  list(path: string, _options: { signal: AbortSignal }): Promise<DirEntry[] | undefined> {
    return this.#unlessMissing(`list ${path}`, async () => {
      const entries = await readdir(path, { withFileTypes: true });
      return entries.map((entry) => ({ name: entry.name, type: fileType(entry) }));
    });
  }

  mountsBelow(path: string, _options: { signal: AbortSignal }): Promise<string[]> {
    return this.#named('read mounts', () => this.#mounts.below(path));
  }

  mounts(_options: { signal: AbortSignal }): Promise<readonly MountEntry[]> {
    return this.#named('read mounts', () => this.#mounts.entries());
  }

  realPath(path: string, _options: { signal: AbortSignal }): Promise<string> {
    return this.#named(`real path of ${path}`, () => realpath(path));
  }

  usage(path: string, { signal }: { signal: AbortSignal }): Promise<FsUsage> {
    return this.#named(`usage of ${path}`, async () => {
      const fs = await orAbort(statfs(path), signal);
      return {
        capacityBytes: fs.blocks * fs.bsize,
        availableBytes: fs.bavail * fs.bsize,
        inodes: fs.files,
        inodesFree: fs.ffree,
      };
    });
  }

  look(queries: readonly HostQuery[], { signal }: { signal: AbortSignal }): Promise<HostAnswer[]> {
    return Promise.all(
      queries.map(
        async (query) =>
          (await this.#unlessMissing(`${query.look} of ${query.path}`, () => this.#answer(query, signal))) ??
          {},
      ),
    );
  }

  async *changes(folder: string, { signal }: { signal: AbortSignal }): AsyncIterable<void> {
    let wake: () => void = () => undefined;
    const watcher = this.#watch(folder, () => {
      wake();
    });
    try {
      while (!signal.aborted) {
        await new Promise<void>((resolve) => {
          const cancel = this.#clock.after(POLL_MS, () => {
            wake();
          });
          wake = () => {
            cancel();
            signal.removeEventListener('abort', wake);
            resolve();
          };
          signal.addEventListener('abort', wake, { once: true });
        });
        if (isOver(signal)) return;
        yield;
      }
    } finally {
      watcher?.close();
    }
  }

  /** A folder that can't be watched (gone, or no inotify left) is polled. */
  #watch(folder: string, onChange: () => void): { close(): void } | undefined {
    try {
      const watcher = watch(folder, { persistent: false }, onChange);
      watcher.on('error', onChange);
      return watcher;
    } catch {
      return undefined;
    }
  }

  async #answer({ look, path }: HostQuery, signal: AbortSignal): Promise<HostAnswer> {
    switch (look) {
      case 'text': {
        await using file = await open(path);
        const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(MAX_LOOK_TEXT), 0, MAX_LOOK_TEXT, 0);
        return { text: buffer.subarray(0, bytesRead).toString() };
      }
      case 'stat':
        return { stat: fileInfo(await stat(path)) };
      case 'usage':
        return { usage: await this.usage(path, { signal }) };
      case 'tree':
        return { tree: await treeUsage(path, { signal }) };
    }
  }

  async #perform(op: FileOp, signal: AbortSignal): Promise<void> {
    switch (op.op) {
      case 'mkdir':
        await makeFolder(op);
        return;
      case 'mkdir-within':
        await this.#mounts.mkdirWithin(op, signal);
        return;
      case 'touch':
        await this.#mounts.touch(op);
        return;
      case 'write':
        await writeInPlace(op);
        return;
      case 'symlink':
        await unlink(op.path).catch(ignore('ENOENT'));
        await symlink(op.target, op.path);
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
        await this.#removeTree(op.path);
        return;
      case 'mount-tmpfs':
        await this.#mounts.tmpfs(op, signal);
        return;
      case 'mount':
        await this.#mounts.mount(op, signal);
        return;
      case 'bind':
        await this.#mounts.bind(op, signal);
        return;
      case 'own-tree':
        await this.#mounts.ownTree(op, signal);
        return;
      case 'unmount':
        await this.#mounts.unmount(op.path, signal);
        return;
      case 'gzip':
        await gzipFile(op.path, { signal });
        return;
      case 'set':
        await setValue(op);
        return;
      case 'remove-cgroup':
        await removeCgroup(op, { clock: this.#clock, signal });
    }
  }

  /** Deletes the tree unless something is mounted in it: data under a mount is not ours to delete. */
  async #removeTree(path: string): Promise<void> {
    const mounts = await this.#mounts.below(path);
    if (mounts.length > 0) {
      throw new HostError(
        'conflict',
        this.#host,
        `${path} is not deleted: ${mounts.join(', ')} still mounted; unmount it first`,
      );
    }
    await rm(path, { recursive: true, force: true });
  }

  async #unlessMissing<T>(what: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await this.#named(what, work);
    } catch (error) {
      if (error instanceof HostError && error.kind === 'not-found') return undefined;
      throw error;
    }
  }

  async #named<T>(what: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof HostError || (error instanceof Error && error.name === 'AbortError')) throw error;
      const code = error instanceof Error && 'code' in error ? String(error.code) : '';
      const text = error instanceof Error ? error.message : String(error);
      throw new HostError(kinds[code] ?? 'internal', this.#host, `${this.#host}: ${what}: ${text}`, {
        cause: error,
      });
    }
  }
}

/** Read anew: the signal may have aborted during an await. */
function isOver(signal: AbortSignal): boolean {
  return signal.aborted;
}

/** Of several who make it only the first sets mode and owner of a folder that is to be kept. */
async function makeFolder(op: FileOp & { op: 'mkdir' }): Promise<void> {
  const made = await makeWithParents(op.path);
  if (!made && op.keep === true) return;
  await own(op);
  await chmod(op.path, op.mode);
}

/** Whether it was made: false if it was there. Parents are mostly there: only their absence is worth a look. */
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
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    await mkdir(dirname(path), { recursive: true, mode: FALLBACK_MODE });
    return make();
  }
}

async function own(op: { path: string; uid?: number; gid?: number }): Promise<void> {
  if (op.uid !== undefined || op.gid !== undefined) await lchown(op.path, op.uid ?? -1, op.gid ?? -1);
}

/** The same inode is kept: a container may have the file bind-mounted (its hosts file). */
async function writeInPlace(op: FileOp & { op: 'write' }): Promise<void> {
  await using file = await open(op.path, 'w', op.mode);
  await file.writeFile(op.data);
  await own(op);
  await file.chmod(op.mode);
}

/** Never made: a control group's files come with it, and one that is missing means that the kernel can't do it. */
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

function ignore(code: string): (error: unknown) => undefined {
  return (error) => {
    if (error instanceof Error && 'code' in error && error.code === code) return undefined;
    throw error;
  };
}

interface Kind {
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
  isSocket(): boolean;
  isCharacterDevice(): boolean;
  isBlockDevice(): boolean;
}

function fileType(of: Kind): FileType {
  if (of.isFile()) return 'file';
  if (of.isDirectory()) return 'directory';
  if (of.isSymbolicLink()) return 'symlink';
  if (of.isSocket()) return 'socket';
  if (of.isCharacterDevice()) return 'char-device';
  return of.isBlockDevice() ? 'block-device' : 'fifo';
}

function fileInfo(stats: Stats): FileInfo {
  return {
    type: fileType(stats),
    size: stats.size,
    mode: stats.mode & 0o7777,
    uid: stats.uid,
    gid: stats.gid,
    mtime: stats.mtimeMs,
    inode: stats.ino,
    device: stats.dev,
  };
}
