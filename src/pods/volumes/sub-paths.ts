/**
 * Parts of volumes as mounts of their own (pkg/volume/util/subpath). Who writes to a volume can swap its
 * folders for links at any time, so what is checked is not the path but what the kernel has mounted in the
 * end: it must lie in the volume's own file system, below the volume's own folder. Only then does the
 * container get it.
 */
import type { Call, FileInfo, FileOp, HostFiles, MountEntry } from '../../hosts/link/link.ts';
import { FarletError, isUnanswered } from '../../model/errors.ts';
import { goQuote } from '../../model/go-quote.ts';
import type { Pod } from '../../model/kube.ts';
import type { Log } from '../../model/log.ts';
import { podDir, subPathTarget, type HostPaths } from '../../model/paths.ts';
import { podFields } from '../../model/pod-ref.ts';
import { cleanPath } from './payload.ts';
import { showsPartOf } from './shows-part-of.ts';

export interface SubPathRequest {
  readonly pod: Pod;
  readonly container: { readonly name: string };
  readonly mounts: readonly { readonly index: number; readonly volume: string; readonly subPath: string }[];
  readonly volumes: ReadonlyMap<
    string,
    { readonly hostPath: string; readonly specName?: string; readonly mayHang?: boolean }
  >;
}

export interface SubPathsOptions {
  readonly files: HostFiles;
  readonly paths: HostPaths;
  readonly log: Log;
}

interface Part {
  readonly index: number;
  readonly volume: string;
  /** the volume's folder on the host */
  readonly root: string;
  readonly path: string;
  /** where it is bound */
  readonly target: string;
  readonly mayHang: boolean;
}

const DIR_MODE = 0o750;

export class SubPaths {
  readonly #options: SubPathsOptions;

  constructor(options: SubPathsOptions) {
    this.#options = options;
  }

  /**
   * Host paths by the mounts' index. What is bound already and still right is kept. Rejects with a text that
   * tells nothing of the host's files; the log tells the rest.
   */
  async prepareSubPaths(
    request: SubPathRequest,
    { signal }: { signal: AbortSignal },
  ): Promise<ReadonlyMap<number, string>> {
    const { files, paths } = this.#options;
    const { pod, container, volumes } = request;
    const parts = request.mounts.map(({ index, volume, subPath }): Part => {
      const { hostPath = '', specName = volume, mayHang = false } = volumes.get(volume) ?? {};
      if (hostPath === '')
        throw new FarletError(
          'invalid',
          `cannot find volume ${goQuote(volume)} to mount into container ${goQuote(container.name)}`,
        );
      const mount = { uid: pod.metadata.uid, volume: specName, container: container.name, index };
      const target = subPathTarget(paths, mount);
      return { index, volume, root: hostPath, path: cleanPath(subPath), target, mayHang };
    });
    await Promise.all(parts.map((part) => this.#bind(part, request, signal)));
    const [mounts, ...roots] = await Promise.all([
      files.mounts({ signal }),
      ...parts.map(({ root, mayHang }) => files.realPath(root, { signal, mayHang })),
    ]);
    for (const [at, part] of parts.entries())
      await this.#check(part, { request, mounts, realRoot: roots[at] ?? part.root, signal });
    return new Map(parts.map(({ index, target }) => [index, target]));
  }

  async #bind(part: Part, request: SubPathRequest, signal: AbortSignal): Promise<void> {
    const { files, paths, log } = this.#options;
    const { root, path, target } = part;
    const source = `${root}/${path}`;
    const folders = foldersAbove(target, podDir(paths, request.pod.metadata.uid));
    const ops: FileOp[] = [
      ...folders.map((folder): FileOp => ({ op: 'mkdir', path: folder, mode: DIR_MODE })),
      { op: 'mkdir-within', root, path },
      { op: 'bind', source, path: target },
    ];
    const call = { signal, mayHang: part.mayHang };
    try {
      await files.apply(ops, call);
    } catch (error) {
      signal.throwIfAborted();
      if (isUnanswered(error)) throw error;
      const wasTried = await this.#couldBeMade(part, call);
      const what = wasTried ? 'failed to create subPath directory' : 'failed to prepare subPath';
      log.warn({ ...podFields(request.pod.metadata), volume: part.volume, err: error }, what);
      throw hidden(what, part, request);
    }
  }

  /**
   * Whether a kubelet would have tried to make the folder: it does where nothing is, unless a file or a loop
   * of links is in the way. Rejects for a volume that is not there (kubelet_pods.go makeMounts).
   */
  async #couldBeMade({ root, path }: Part, call: Call): Promise<boolean> {
    const { files } = this.#options;
    const steps = [
      '',
      ...path.split('/').map((_, index, parts) => `/${parts.slice(0, index + 1).join('/')}`),
    ];
    for (const step of steps) {
      let found: FileInfo | undefined;
      try {
        found = await files.stat(`${root}${step}`, { ...call, follow: true });
      } catch {
        return false;
      }
      if (found === undefined && step === '')
        throw new FarletError('not-found', `stat ${root}: no such file or directory`);
      if (found === undefined) return true;
      if (found.type !== 'directory') return false;
    }
    return false;
  }

  async #check(
    part: Part,
    {
      request,
      mounts,
      realRoot,
      signal,
    }: { request: SubPathRequest; mounts: readonly MountEntry[]; realRoot: string; signal: AbortSignal },
  ): Promise<void> {
    const { files, log } = this.#options;
    if (showsPartOf(mounts, { target: part.target, realRoot })) return;
    await files.apply([{ op: 'unmount', path: part.target }], { signal });
    log.warn(
      {
        ...podFields(request.pod.metadata),
        volume: part.volume,
        container: request.container.name,
      },
      'a subPath leads out of its volume',
    );
    throw hidden('failed to prepare subPath', part, request);
  }
}

function hidden(what: string, { volume }: Part, { container }: SubPathRequest): FarletError {
  return new FarletError(
    'forbidden',
    `${what} for volumeMount ${goQuote(volume)} of container ${goQuote(container.name)}`,
  );
}

/** The folders between, outermost first. */
function foldersAbove(target: string, base: string): string[] {
  const parts = target
    .slice(base.length + 1)
    .split('/')
    .slice(0, -1);
  return parts.map((_, depth) => `${base}/${parts.slice(0, depth + 1).join('/')}`);
}
