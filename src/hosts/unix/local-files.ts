/** The files of the machine that farlet itself runs on: what the unix link's hosts have. */
import { watch } from 'node:fs';
import { lstat, readdir, readlink, realpath, stat, statfs } from 'node:fs/promises';
import { FarletError, HostError } from '../../model/errors.ts';
import { orAbort, settledAll } from '../../util/abort.ts';
import { Alarm } from '../../util/alarm.ts';
import { systemClock, type Clock } from '../../util/clock.ts';
import { shortRound } from '../../util/rounds.ts';
import { inBatches } from '../../util/in-batches.ts';
import { errorOfCode, fileError } from '../link/errno.ts';
import { fileInfo, fileType, ignore } from './file-info.ts';
import { independentSteps } from './independent-steps.ts';
import type {
  Call,
  DirEntry,
  FileInfo,
  FileOp,
  FsUsage,
  HostAnswer,
  HostFile,
  HostFiles,
  HostQuery,
  MountEntry,
} from '../link/link.ts';
import { RemoteFiles } from '../far/remote-files.ts';
import { kernelText } from './kernel-texts.ts';
import { mountEntries } from './local-mounts.ts';
import { NotRegular, openRegular } from './local-open.ts';
import { LocalAgents } from './local-agents.ts';
import { LocalOps } from './local-ops.ts';
import { openLocalShell } from './local-shell.ts';
import { readEnd, readPodFile, readStart, readWhole } from './local-reads.ts';
import type { HostUsage, UsageQuery } from '../link/host-usage.ts';
import { pathOf } from '../link/op-path.ts';
import { treeUsage } from './tree-usage.ts';

const POLL_MS = 1_000;
const MAX_LOOK_TEXT = 65_536;
/** As many as keep the threads that wait for files busy. Of the logs of a host's pods there are a hundred. */
const QUERIES_AT_ONCE = 8;

export class LocalFiles implements HostFiles {
  readonly #host: string;
  readonly #clock: Clock;
  readonly #ops: LocalOps;
  /** does what takes a command, or may hang */
  readonly #shell: RemoteFiles;

  constructor(options: { host: string; clock?: Clock }) {
    const { host, clock = systemClock } = options;
    this.#host = host;
    this.#clock = clock;
    const agents = new LocalAgents({ host, clock });
    this.#shell = new RemoteFiles({ host, clock, agents, open: openLocalShell });
    this.#ops = new LocalOps({ host, clock, shell: this.#shell });
  }

  /** Ends the shell, if there is one. */
  close(): void {
    this.#shell.close();
  }

  async apply(ops: readonly FileOp[], call: Call): Promise<void> {
    for (const together of independentSteps(ops)) {
      call.signal.throwIfAborted();
      await settledAll(together.map((op) => this.#perform(op, call)));
    }
  }

  #perform(op: FileOp, call: Call): Promise<void> {
    return this.#named(op.op, pathOf(op), () => this.#ops.perform(op, call));
  }

  readFile(path: string, { maxBytes }: { signal: AbortSignal; maxBytes: number }): Promise<Buffer> {
    return this.#named('read', path, async () => {
      await using file = await openRegular(path);
      return await readWhole(file, { maxBytes, host: this.#host, path });
    });
  }

  readTail(path: string, { maxBytes }: { signal: AbortSignal; maxBytes: number }): Promise<Buffer> {
    return this.#named('read', path, async () => {
      await using file = await openRegular(path);
      return await readEnd(file, { maxBytes });
    });
  }

  readPodFile(
    root: string,
    path: string,
    options: { signal: AbortSignal; maxBytes: number; tail?: boolean },
  ): Promise<Buffer> {
    const at = { host: this.#host, root, path };
    return this.#named('read', `${root}/${path}`, () => readPodFile(at, options));
  }

  open(path: string, _options: { signal: AbortSignal }): Promise<HostFile> {
    return this.#named('open', path, async () => {
      const file = await openRegular(path);
      const opened = fileInfo(await file.stat());
      return {
        read: async (position, length) => {
          const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(length), 0, length, position);
          return buffer.subarray(0, bytesRead);
        },
        opened,
        moved: async () => {
          const named = await stat(path).catch(ignore('ENOENT'));
          return named !== undefined && (named.ino !== opened.inode || named.dev !== opened.device);
        },
        close: () => file.close(),
      };
    });
  }

  stat(path: string, call: Call & { follow?: boolean }): Promise<FileInfo | undefined> {
    const { mayHang, follow = false } = call;
    if (mayHang === true) return this.#shell.stat(path, call);
    return this.#unlessMissing('stat', path, async () => fileInfo(await (follow ? stat(path) : lstat(path))));
  }

  readLink(path: string, _options: { signal: AbortSignal }): Promise<string | undefined> {
    return this.#unlessMissing('readlink', path, () => readlink(path));
  }

  list(path: string, _options: { signal: AbortSignal }): Promise<DirEntry[] | undefined> {
    return this.#unlessMissing('list', path, async () => {
      const entries = await readdir(path, { withFileTypes: true });
      return entries.map((entry) => ({ name: entry.name, type: fileType(entry) }));
    });
  }

  mounts(_options: { signal: AbortSignal }): Promise<readonly MountEntry[]> {
    return this.#named('read', '/proc/self/mountinfo', mountEntries);
  }

  realPath(path: string, call: Call): Promise<string> {
    if (call.mayHang === true) return this.#shell.realPath(path, call);
    return this.#named('real path', path, () => realpath(path));
  }

  usage(path: string, call: Call): Promise<FsUsage> {
    const { mayHang, signal } = call;
    if (mayHang === true) return this.#shell.usage(path, call);
    return this.#named('statfs', path, async () => {
      const fs = await orAbort(statfs(path), signal);
      return {
        capacityBytes: fs.blocks * fs.bsize,
        availableBytes: fs.bavail * fs.bsize,
        freeBytes: fs.bfree * fs.bsize,
        inodes: fs.files,
        inodesFree: fs.ffree,
      };
    });
  }

  look(queries: readonly HostQuery[], { signal }: { signal: AbortSignal }): Promise<HostAnswer[]> {
    return inBatches(queries, { size: QUERIES_AT_ONCE, signal, before: shortRound }, async (query) => {
      const answer = (): Promise<HostAnswer> => this.#answer(query, signal);
      return (await this.#unlessMissing(query.look, query.path, answer)) ?? {};
    });
  }

  readUsage(query: UsageQuery, options: { signal: AbortSignal }): Promise<HostUsage> {
    return this.#shell.readUsage(query, options);
  }

  async *changes(folder: string, { signal }: { signal: AbortSignal }): AsyncIterable<void> {
    const alarm = new Alarm(this.#clock);
    const watcher = this.#watch(folder, () => {
      alarm.ring();
    });
    try {
      while (!signal.aborted) {
        await alarm
          .arm(signal)
          .sleep(POLL_MS)
          .catch(() => undefined);
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
        const known = await kernelText(path);
        if (known !== undefined) return { text: known };
        await using file = await openRegular(path);
        return { text: (await readStart(file, { maxBytes: MAX_LOOK_TEXT })).toString() };
      }
      case 'stat':
        return { stat: fileInfo(await stat(path)) };
      case 'usage':
        return { usage: await this.usage(path, { signal }) };
      case 'tree':
        return { tree: await treeUsage(path, { signal }) };
    }
  }

  async #unlessMissing<T>(verb: string, path: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      const failure = this.#failure(error, verb, path);
      if (failure instanceof HostError && failure.kind === 'not-found') return undefined;
      throw failure;
    }
  }

  async #named<T>(verb: string, path: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw this.#failure(error, verb, path);
    }
  }

  #failure(error: unknown, verb: string, path: string): Error {
    const host = this.#host;
    if (error instanceof FarletError || (error instanceof Error && error.name === 'AbortError')) return error;
    if (error instanceof NotRegular)
      return fileError('invalid', { host, verb, path, why: error.message }, error);
    return errorOfCode(error, { host, verb, path });
  }
}

/** Read again: the signal may have aborted during an await. */
function isOver(signal: AbortSignal): boolean {
  return signal.aborted;
}
