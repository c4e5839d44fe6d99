/**
 * HostFiles over the remote program: every method is one request, and requests made together travel together.
 */
import { HostError, unlessNotFound } from '../../model/errors.ts';
import type { Clock } from '../../util/clock.ts';
import { inTurns } from '../../util/turn.ts';
import { errorOfText, fileError, notRegular } from '../link/errno.ts';
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
import { parseMountinfo } from './mountinfo.ts';
import type { HostUsage, UsageQuery } from '../link/host-usage.ts';
import { pathOf } from '../link/op-path.ts';
import type { Pace, RequestObserver } from '../link/host-request.ts';
import { RemoteAgents, type Agents, type OpenShell } from './remote-agents.ts';
import { MOUNT_FAILED, type RemoteAnswer, type RemoteStep } from './remote-encoding.ts';
import { opSteps } from './remote-ops.ts';
import { planLooks } from './remote-looks.ts';
import { parseList, parseStat, parseUsage } from './remote-queries.ts';
import { RemoteFile } from './remote-file.ts';
import { parseUsageAnswer } from './parse-usage.ts';
import { usageStep } from './usage-program.ts';
import { RemoteWatch } from './remote-watch.ts';

export interface RemoteFilesOptions {
  readonly host: string;
  /** starts a command on the host; the program becomes root there if need be */
  readonly open: OpenShell;
  readonly clock: Clock;
  readonly onRequest?: RequestObserver | undefined;
  /** absent: its own, started with `open` */
  readonly agents?: Agents;
}

/** What is longer is kept apart from what is to be quick. */
const QUICK_BYTES = 64 * 1024;
/** More changes than that take the host's shell a while: it starts a process or two for each. */
const BRIEF_OPS = 64;
const MOUNTS = '/proc/self/mountinfo';

type Answered = Extract<RemoteAnswer, { ok: true }>;

export class RemoteFiles implements HostFiles {
  readonly #host: string;
  readonly #agents: Agents;
  readonly #watch: RemoteWatch;

  constructor(options: RemoteFilesOptions) {
    this.#host = options.host;
    this.#agents = options.agents ?? new RemoteAgents(options);
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

  async apply(ops: readonly FileOp[], { signal, mayHang }: Call): Promise<void> {
    signal.throwIfAborted();
    if (ops.length === 0) return;
    const steps = ops.map((op) => opSteps(this.#checked(op)));
    const pace = paceOf(ops, { mayHang });
    const answer = await this.#agents.ask(steps.flat(), { signal, pace });
    if (answer.ok) return;
    let left = answer.step;
    const failed = steps.findIndex(({ length }) => (left -= length) < 0);
    const op = ops[failed];
    throw this.#error(answer, { verb: op?.op ?? 'apply', path: op === undefined ? '' : pathOf(op) });
  }

  async readFile(
    path: string,
    { signal, maxBytes }: { signal: AbortSignal; maxBytes: number },
  ): Promise<Buffer> {
    const { payload } = await this.#ask('read', { verb: 'read', args: [path, maxBytes + 1] }, { signal });
    if (payload.length > maxBytes)
      throw new HostError('invalid', this.#host, `${path} is longer than ${String(maxBytes)} bytes`);
    return payload;
  }

  async readTail(
    path: string,
    { signal, maxBytes }: { signal: AbortSignal; maxBytes: number },
  ): Promise<Buffer> {
    return (await this.#ask('read', { verb: 'tail', args: [path, maxBytes] }, { signal })).payload;
  }

  async readPodFile(
    root: string,
    path: string,
    { signal, maxBytes, tail = false }: { signal: AbortSignal; maxBytes: number; tail?: boolean },
  ): Promise<Buffer> {
    const args = [root, path, ...(tail ? ['tail', maxBytes] : ['head', maxBytes + 1])];
    const whole = `${root}/${path}`;
    const step = { verb: 'read_within', args };
    const { payload } = await this.#ask('read', step, { signal, mayHang: true, shown: whole });
    if (payload.length <= maxBytes) return payload;
    throw new HostError('invalid', this.#host, `${whole} is longer than ${String(maxBytes)} bytes`);
  }

  async open(path: string, { signal }: { signal: AbortSignal }): Promise<HostFile> {
    const opened = await this.#stat('open', path, { signal, follow: true });
    if (opened.type !== 'file')
      throw fileError('invalid', { host: this.#host, verb: 'open', path, why: notRegular(opened.type) });
    return new RemoteFile({
      path,
      opened,
      pread: (args) => {
        const [, , , , length] = args;
        const pace = length > QUICK_BYTES ? 'bulk' : 'quick';
        return this.#ask('read', { verb: 'pread', args }, { signal, pace });
      },
    });
  }

  async stat(path: string, call: Call & { follow?: boolean }): Promise<FileInfo | undefined> {
    return this.#stat('stat', path, call).catch(unlessNotFound);
  }

  async readLink(path: string, { signal }: { signal: AbortSignal }): Promise<string | undefined> {
    const answer = await this.#ask('readlink', { verb: 'readlink', args: [path] }, { signal }).catch(
      unlessNotFound,
    );
    return answer?.payload.toString();
  }

  async list(path: string, call: Call): Promise<DirEntry[] | undefined> {
    const answer = await this.#ask('list', { verb: 'list', args: [path] }, call).catch(unlessNotFound);
    return answer === undefined ? undefined : parseList(answer.payload);
  }

  async usage(path: string, call: Call): Promise<FsUsage> {
    return parseUsage((await this.#ask('statfs', { verb: 'usage', args: [path] }, call)).payload.toString());
  }

  async mounts({ signal }: { signal: AbortSignal }): Promise<readonly MountEntry[]> {
    const { payload } = await this.#ask('read', { verb: 'mounts', args: [] }, { signal, shown: MOUNTS });
    return parseMountinfo(payload.toString());
  }

  async realPath(path: string, call: Call): Promise<string> {
    return (await this.#ask('real path', { verb: 'realpath', args: [path] }, call)).payload.toString();
  }

  async look(queries: readonly HostQuery[], { signal }: { signal: AbortSignal }): Promise<HostAnswer[]> {
    signal.throwIfAborted();
    if (queries.length === 0) return [];
    for (const { look, path } of queries) if (!isUsable(path)) throw this.#unusable(look, path);
    const { steps, parse, pathOf: pathAt } = planLooks(queries);
    const answer = await this.#agents.ask(steps, {
      signal,
      pace: queries.some(({ look }) => look === 'tree') ? 'slow' : 'quick',
    });
    if (answer.ok) return parse(answer.payload);
    throw this.#error(answer, { verb: 'look at', path: pathAt(answer.step) });
  }

  async readUsage(query: UsageQuery, { signal }: { signal: AbortSignal }): Promise<HostUsage> {
    const bad = query.fileSystems.find((path) => !isUsable(path));
    if (bad !== undefined) throw this.#unusable('usage', bad);
    const looks = planLooks(query.fileSystems.map((path) => ({ look: 'usage', path })));
    const answer = await this.#agents.ask([usageStep(query), ...looks.steps], { signal, pace: 'quick' });
    if (!answer.ok) throw this.#error(answer, { verb: 'read usage of', path: '/sys/fs/cgroup' });
    const { usage, rest } = await inTurns(parseUsageAnswer(answer.payload));
    return { ...usage, fileSystems: looks.parse(rest).map((each) => each.usage) };
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

  async #stat(
    what: string,
    path: string,
    { follow, ...call }: Call & { follow?: boolean },
  ): Promise<FileInfo> {
    const step = { verb: 'stat', args: [path, follow === true ? 'follow' : undefined] };
    return parseStat((await this.#ask(what, step, call)).payload.toString());
  }

  /** `what` is tried with the path that the step begins with, or that is `shown`. */
  async #ask(
    what: string,
    step: RemoteStep,
    {
      signal,
      mayHang = false,
      pace = mayHang ? 'risky' : 'quick',
      shown,
    }: Call & { pace?: Pace; shown?: string },
  ): Promise<Answered> {
    const path = String(step.args[0] ?? '');
    if (step.args.length > 0 && !isUsable(path)) throw this.#unusable(what, path);
    const answer = await this.#agents.ask([step], { signal, pace });
    if (answer.ok) return answer;
    throw this.#error(answer, { verb: what, path: shown ?? path });
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

  #error(
    { kind, text }: Extract<RemoteAnswer, { ok: false }>,
    { verb, path }: { verb: string; path: string },
  ): HostError {
    const host = this.#host;
    if (text.startsWith(MOUNT_FAILED)) return new HostError(kind, host, text);
    return errorOfText(text, { kind, host, verb, path });
  }
}

function paceOf(ops: readonly FileOp[], { mayHang = false }: { mayHang: boolean | undefined }): Pace {
  if (ops.some(takesLong)) return 'hangs';
  if (mayHang) return 'risky';
  const bytes = ops.reduce((sum, op) => sum + (op.op === 'write' ? op.data.length : 0), 0);
  return ops.length <= BRIEF_OPS && bytes <= QUICK_BYTES && ops.every(isBrief) ? 'brief' : 'slow';
}

/** For as long as a server does not answer, or as a volume has files. */
function takesLong(op: FileOp): boolean {
  return (op.op === 'mount' && op.type === 'nfs') || op.op === 'own-tree';
}

/** One call of the kernel or two, whatever is there already. */
function isBrief({ op }: FileOp): boolean {
  switch (op) {
    case 'mkdir':
    case 'mkdir-within':
    case 'touch':
    case 'write':
    case 'symlink':
    case 'rename':
    case 'chmod':
    case 'lchown':
    case 'remove':
    case 'mount-tmpfs':
    case 'bind':
    case 'set':
    case 'spread':
      return true;
    // a tree, a file of any size, a server's mount, processes that are to end
    case 'remove-tree':
    case 'own-tree':
    case 'gzip':
    case 'mount':
    case 'unmount':
    case 'remove-cgroup':
      return false;
  }
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
