/** HostFiles over the remote program: every method is one request, and requests made together travel together. */
import { FarletError, HostError } from '../model/errors.ts';
import type { Clock } from '../util/clock.ts';
import type {
  DirEntry,
  FileInfo,
  FileOp,
  FsUsage,
  HostAnswer,
  HostFile,
  HostFiles,
  HostQuery,
  MountEntry,
} from './link.ts';
import { mountsAtOrBelow, parseMountinfo } from './mountinfo.ts';
import { RemoteAgents, type OpenShell } from './remote-agents.ts';
import { MOUNT_FAILED, mountinfoPath, type RemoteAnswer, type RemoteStep } from './remote-encoding.ts';
import { opSteps } from './remote-ops.ts';
import { parseList, parseLook, parseStat, parseUsage } from './remote-queries.ts';
import { RemoteFile } from './remote-file.ts';
import { RemoteWatch } from './remote-watch.ts';

export interface RemoteFilesOptions {
  readonly host: string;
  /** starts a command on the host; the program becomes root there if need be */
  readonly open: OpenShell;
  readonly clock: Clock;
}

type Answered = Extract<RemoteAnswer, { ok: true }>;

export class RemoteFiles implements HostFiles {
  readonly #host: string;
  readonly #agents: RemoteAgents;
  readonly #watch: RemoteWatch;

  constructor(options: RemoteFilesOptions) {
    this.#host = options.host;
    this.#agents = new RemoteAgents(options);
    this.#watch = new RemoteWatch(options);
  }

  /** The host refuses more sessions and something else needs one. */
  shed(): void {
    this.#agents.shed();
  }

  close(): void {
    this.#agents.close();
    this.#watch.close();
  }

  async apply(ops: readonly FileOp[], { signal }: { signal: AbortSignal }): Promise<void> {
    signal.throwIfAborted();
    if (ops.length === 0) return;
    const steps = ops.map((op) => opSteps(this.#checked(op)));
    const answer = await this.#agents.ask(steps.flat(), {
      signal,
      pace: ops.some(mayHang) ? 'hangs' : 'slow',
    });
    if (answer.ok) return;
    let left = answer.step;
    const failed = steps.findIndex(({ length }) => (left -= length) < 0);
    const op = ops[failed];
    throw this.#error(
      answer,
      op === undefined ? 'apply' : `${op.op} ${op.op === 'rename' ? op.from : op.path}`,
    );
  }

  async readFile(
    path: string,
    { signal, maxBytes }: { signal: AbortSignal; maxBytes: number },
  ): Promise<Buffer> {
    const { payload } = await this.#ask(`read ${path}`, 'read', [path, maxBytes + 1], signal);
    if (payload.length > maxBytes)
      throw new HostError('invalid', this.#host, `${path} is longer than ${String(maxBytes)} bytes`);
    return payload;
  }

  async readTail(
    path: string,
    { signal, maxBytes }: { signal: AbortSignal; maxBytes: number },
  ): Promise<Buffer> {
    return (await this.#ask(`read ${path}`, 'tail', [path, maxBytes], signal)).payload;
  }

  async open(path: string, { signal }: { signal: AbortSignal }): Promise<HostFile> {
    return new RemoteFile({
      path,
      opened: await this.#stat(`open ${path}`, [path, 'follow'], signal),
      pread: (args) => this.#ask(`read ${path}`, 'pread', args, signal),
      stat: () => this.#stat(`stat ${path}`, [path, 'follow'], signal).catch(unlessMissing),
    });
  }

  async stat(
    path: string,
    { signal, follow }: { signal: AbortSignal; follow?: boolean },
  ): Promise<FileInfo | undefined> {
    return this.#stat(`stat ${path}`, [path, follow === true ? 'follow' : undefined], signal).catch(
      unlessMissing,
    );
  }

  async readLink(path: string, { signal }: { signal: AbortSignal }): Promise<string | undefined> {
    const answer = await this.#ask(`read link ${path}`, 'readlink', [path], signal).catch(unlessMissing);
    return answer?.payload.toString();
  }

  async list(path: string, { signal }: { signal: AbortSignal }): Promise<DirEntry[] | undefined> {
    const answer = await this.#ask(`list ${path}`, 'list', [path], signal).catch(unlessMissing);
    return answer === undefined ? undefined : parseList(answer.payload);
  }

  async mountsBelow(path: string, { signal }: { signal: AbortSignal }): Promise<string[]> {
    const { payload } = await this.#ask('read mounts', 'mounts', [mountinfoPath(path)], signal);
    return mountsAtOrBelow(payload.toString(), path);
  }

  async usage(path: string, { signal }: { signal: AbortSignal }): Promise<FsUsage> {
    return parseUsage((await this.#ask(`usage of ${path}`, 'usage', [path], signal)).payload.toString());
  }

  async mounts({ signal }: { signal: AbortSignal }): Promise<readonly MountEntry[]> {
    return parseMountinfo((await this.#ask('read mounts', 'mounts', ['/'], signal)).payload.toString());
  }

  async realPath(path: string, { signal }: { signal: AbortSignal }): Promise<string> {
    return (await this.#ask(`real path of ${path}`, 'realpath', [path], signal)).payload.toString();
  }

  async look(queries: readonly HostQuery[], { signal }: { signal: AbortSignal }): Promise<HostAnswer[]> {
    signal.throwIfAborted();
    if (queries.length === 0) return [];
    for (const { look, path } of queries) if (!isUsable(path)) throw this.#unusable(look, path);
    const steps = queries.map(({ look, path }) => ({ verb: `look_${look}`, args: [path] }));
    const answer = await this.#agents.ask(steps, {
      signal,
      pace: queries.some(({ look }) => look === 'tree') ? 'slow' : 'quick',
    });
    if (answer.ok) return parseLook(queries, answer.payload);
    throw this.#error(answer, `look at ${queries[answer.step]?.path ?? ''}`);
  }

  changes(
    folder: string,
    { signal, file }: { signal: AbortSignal; file?: () => HostFile },
  ): AsyncIterable<void> {
    const growing = (): RemoteFile | undefined => {
      const read = file?.();
      return read instanceof RemoteFile ? read : undefined;
    };
    return this.#watch.changes(folder, { signal, growing });
  }

  async #stat(what: string, args: [string, 'follow' | undefined], signal: AbortSignal): Promise<FileInfo> {
    return parseStat((await this.#ask(what, 'stat', args, signal)).payload.toString());
  }

  async #ask(what: string, verb: string, args: RemoteStep['args'], signal: AbortSignal): Promise<Answered> {
    const [path] = args;
    if (typeof path === 'string' && !isUsable(path)) throw this.#unusable(what, path);
    const answer = await this.#agents.ask([{ verb, args }], { signal, pace: 'quick' });
    if (answer.ok) return answer;
    throw this.#error(answer, what);
  }

  /** An option is never mistaken for a path, nor a path cut short. */
  #checked(op: FileOp): FileOp {
    const bad = pathsOf(op).find((path) => !isUsable(path));
    if (bad !== undefined) throw this.#unusable(op.op, bad);
    return op;
  }

  #unusable(what: string, path: string): HostError {
    const text = `${this.#host}: ${what}: ${JSON.stringify(path)} is no absolute path`;
    return new HostError('invalid', this.#host, text);
  }

  #error({ kind, text }: Extract<RemoteAnswer, { ok: false }>, what: string): HostError {
    const whole = text.startsWith(MOUNT_FAILED) ? text : `${this.#host}: ${what}: ${text}`;
    return new HostError(kind, this.#host, whole);
  }
}

/** For as long as a server does not answer, or as a volume has files. */
function mayHang(op: FileOp): boolean {
  return (op.op === 'mount' && op.type === 'nfs') || op.op === 'own-tree';
}

/** The absolute ones. */
function pathsOf(op: FileOp): string[] {
  switch (op.op) {
    case 'rename':
      return [op.from, op.to];
    case 'mkdir-within':
      return [op.root];
    case 'bind':
      return [op.source, op.path];
    default:
      return [op.path];
  }
}

function isUsable(path: string): boolean {
  return path.startsWith('/') && !path.includes('\0');
}

function unlessMissing(error: unknown): undefined {
  if (error instanceof FarletError && error.kind === 'not-found') return undefined;
  throw error;
}
