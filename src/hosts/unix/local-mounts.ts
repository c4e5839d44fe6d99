/** Mounting, unmounting and what else takes a command on the machine that farlet itself runs on. */
import { constants } from 'node:fs';
import { chmod, lstat, mkdir, open, readFile, rmdir, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { HostError, kindOf, messageOf } from '../../model/errors.ts';
import { leadsOut, mkdirWithin, ownTree, ownTreeArguments } from '../far/host-scripts.ts';
import { fileInfo } from './file-info.ts';
import type { Call, FileInfo, FileOp, MountEntry } from '../link/link.ts';
import { statApart } from './local-apart.ts';
import { mountsAtOrBelow, parseMountinfo } from '../far/mountinfo.ts';
import { runCommand } from './run-command.ts';

const LOCAL_MS = 30_000;
/** a server may take a while to answer */
const NETWORK_MS = 110_000;
const networkTypes = ['nfs', 'nfs4'];

type Op<K extends FileOp['op']> = Extract<FileOp, { op: K }>;

export class LocalMounts {
  readonly #host: string;
  /** false once the kernel has refused the option */
  #noswap = true;

  constructor(options: { host: string }) {
    this.#host = options.host;
  }

  async entries(): Promise<MountEntry[]> {
    return parseMountinfo(await readFile('/proc/self/mountinfo', 'utf8'));
  }

  async below(path: string): Promise<string[]> {
    return mountsAtOrBelow(await readFile('/proc/self/mountinfo', 'utf8'), path);
  }

  async tmpfs(op: Op<'mount-tmpfs'>, signal: AbortSignal): Promise<void> {
    if (await isOtherDevice(op.path)) return;
    const options = [
      `mode=${op.mode.toString(8)}`,
      ...(op.gid === undefined ? [] : [`gid=${String(op.gid)}`]),
      ...(op.sizeBytes === undefined ? [] : [`size=${String(op.sizeBytes)}`]),
    ];
    const mount = (all: readonly string[]): Promise<void> =>
      this.#mount({ type: ['-t', 'tmpfs'], options: all, source: 'tmpfs', path: op.path }, LOCAL_MS, signal);
    if (this.#noswap) {
      try {
        await mount([...options, 'noswap']);
        return;
      } catch (error) {
        if (kindOf(error) !== 'internal') throw error;
      }
    }
    await mount(options);
    // it went without: the kernel does not know the option, rather than having no memory
    this.#noswap = false;
  }

  async mount(op: Op<'mount'>, signal: AbortSignal): Promise<void> {
    if (await this.#isMounted(op.path)) return;
    const { type, options, source, path } = op;
    const timeoutMs = networkTypes.includes(type) ? NETWORK_MS : LOCAL_MS;
    await this.#mount({ type: ['-t', type], options, source, path }, timeoutMs, signal);
  }

  async bind({ source, path, options = [] }: Op<'bind'>, { signal, mayHang }: Call): Promise<void> {
    const look = async (at: string): Promise<FileInfo> =>
      mayHang === true ? statApart(at, { follow: true, signal }) : fileInfo(await stat(at));
    const wanted = await look(source);
    if (await this.#isMounted(path)) {
      const there = await look(path);
      if (there.device === wanted.device && there.inode === wanted.inode) return;
      await this.unmount(path, signal);
    }
    const isFolder = wanted.type === 'directory';
    await removeOther(path, isFolder);
    if (isFolder) await mkdir(path, { mode: 0o750 }).catch(unlessThere);
    else await makeFile(path, 0o640);
    await this.#mount({ type: ['--no-canonicalize'], options: ['bind'], source, path }, LOCAL_MS, signal);
    if (options.length === 0) return;
    const remount = ['remount', 'bind', ...options];
    await this.#command(['mount', '-o', remount.join(','), '--', path], LOCAL_MS, signal).catch(
      async (error: unknown) => {
        await this.unmount(path, signal);
        throw error;
      },
    );
  }

  async unmount(path: string, signal: AbortSignal): Promise<void> {
    const below = await this.below(path);
    // what comes and goes below would otherwise do so in every place that shares it
    if (below.length > 1 && below.includes(path))
      await this.#command(['mount', '--make-rprivate', '--', path], LOCAL_MS, signal);
    for (const point of below) await this.#unmountOne(point, signal);
  }

  async mkdirWithin({ root, path }: Op<'mkdir-within'>, signal: AbortSignal): Promise<void> {
    const { code, output } = await runCommand(['sh', '-c', mkdirWithin, 'sh', root, path], {
      signal,
      timeoutMs: LOCAL_MS,
    });
    if (code === 0) return;
    const kind = code === leadsOut ? 'forbidden' : 'internal';
    throw new HostError(kind, this.#host, `${this.#host}: make ${path} in ${root}: ${output.trim()}`);
  }

  async ownTree(op: Op<'own-tree'>, signal: AbortSignal): Promise<void> {
    const { path } = op;
    const { code, output } = await runCommand(['sh', '-c', ownTree, 'sh', ...ownTreeArguments(op)], {
      signal,
    });
    if (code !== 0)
      throw new HostError('internal', this.#host, `${this.#host}: own ${path}: ${output.trim()}`);
  }

  async touch({ path, mode, follow }: Op<'touch'>): Promise<void> {
    await makeFile(path, mode);
    if (follow !== true || !(await lstat(path)).isSymbolicLink()) return;
    await using _file = await open(path, constants.O_CREAT | constants.O_RDONLY | constants.O_NONBLOCK, mode);
  }

  async #unmountOne(path: string, signal: AbortSignal): Promise<void> {
    const type = (await this.entries()).findLast((mount) => mount.path === path)?.type ?? '';
    try {
      await this.#command(['umount', '--', path], LOCAL_MS, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!networkTypes.includes(type)) throw error;
      await this.#command(['umount', '-f', '--', path], LOCAL_MS, signal);
    }
  }

  async #isMounted(path: string): Promise<boolean> {
    return (await this.below(path)).includes(path);
  }

  /** The kubelet's text (k8s.io/mount-utils mount_linux.go doMount), which people know. */
  async #mount(
    what: { type: readonly string[]; options: readonly string[]; source: string; path: string },
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    const { type, options, source, path } = what;
    const flags = [...type, ...(options.length === 0 ? [] : ['-o', options.join(',')])];
    await this.#command(['mount', ...flags, '--', source, path], timeoutMs, signal, {
      shown: [...flags, source, path],
    });
  }

  async #command(
    command: readonly [string, ...string[]],
    timeoutMs: number,
    signal: AbortSignal,
    { shown = command.slice(1) }: { shown?: readonly string[] } = {},
  ): Promise<void> {
    const verb = command[0] === 'umount' ? 'Unmounting' : 'Mounting';
    const fail = (how: string, output: string, kind: 'internal' | 'deadline-exceeded'): HostError =>
      new HostError(
        kind,
        this.#host,
        `${command[0] === 'umount' ? 'unmount' : 'mount'} failed: ${how}\n${verb} command: ${command[0]}\n${verb} arguments: ${shown.join(' ')}\nOutput: ${output}`,
      );
    let result;
    try {
      result = await runCommand(command, { signal, timeoutMs });
    } catch (error) {
      signal.throwIfAborted();
      throw fail(
        messageOf(error),
        '',
        kindOf(error) === 'deadline-exceeded' ? 'deadline-exceeded' : 'internal',
      );
    }
    if (result.code !== 0)
      throw fail(
        result.code === undefined ? 'killed' : `exit status ${String(result.code)}`,
        result.output,
        'internal',
      );
  }
}

/** A mount point of the other kind, left from a source that was replaced, is no place for this one. */
async function removeOther(path: string, wantsFolder: boolean): Promise<void> {
  const there = await lstat(path).catch(() => undefined);
  if (there === undefined || there.isDirectory() === wantsFolder) return;
  await (there.isDirectory() ? rmdir(path) : unlink(path));
}

/** Without emptying what is there, whoever made it first. */
async function makeFile(path: string, mode: number): Promise<void> {
  try {
    await using _file = await open(path, 'wx', mode);
  } catch (error) {
    unlessThere(error);
    return;
  }
  await chmod(path, mode);
}

function unlessThere(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return undefined;
  throw error;
}

/**
 * Whether something is mounted on the folder, but for a bind mount of the device below it (mount-utils IsLikelyNotMountPoint): two
 * looks, where the mount table may have thousands of lines. Not for what a server may hold up.
 */
async function isOtherDevice(path: string): Promise<boolean> {
  try {
    const [at, above] = await Promise.all([lstat(path), lstat(dirname(path))]);
    return at.dev !== above.dev;
  } catch {
    // what is wrong with the path mount says in words that people know
    return false;
  }
}
