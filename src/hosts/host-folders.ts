/** Folders on a host that nothing else makes. Without them it can't run pods. */
import { messageOf } from '../model/errors.ts';
import { podsDir, type HostPaths } from '../model/paths.ts';
import type { HostFiles } from './link/link.ts';

export interface HostFoldersOptions {
  readonly files: Pick<HostFiles, 'apply'>;
  readonly paths: HostPaths;
  /** there is a problem that was not there before, or it is over */
  readonly onChange: () => void;
}

export class HostFolders {
  readonly #options: HostFoldersOptions;
  #problem: string | undefined;

  constructor(options: HostFoldersOptions) {
    this.#options = options;
  }

  /** Why they can't be made; undefined: they were, or have not been tried. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Makes those that are missing. Rejects with HostError, and `problem` says why until it succeeds. */
  async make(signal: AbortSignal): Promise<void> {
    const { files, paths } = this.#options;
    const pods = podsDir(paths);
    try {
      await files.apply(
        [
          { op: 'mkdir', path: paths.containerLogsDir, mode: 0o755 },
          { op: 'mkdir', path: paths.podLogsDir, mode: 0o755, keep: true },
          { op: 'mkdir', path: paths.rootDir, mode: 0o750 },
          { op: 'mkdir', path: pods, mode: 0o750, keep: true },
        ],
        { signal },
      );
    } catch (error) {
      signal.throwIfAborted();
      this.#set(`folders can't be made: ${messageOf(error)}`);
      throw error;
    }
    this.#set(undefined);
    await this.#spread([paths.podLogsDir, pods], signal);
  }

  /**
   * ext4 looks for each new file at all that were deleted near it in the last minutes. A hint that could not
   * be given costs time and nothing else.
   */
  async #spread(folders: readonly string[], signal: AbortSignal): Promise<void> {
    const hints = folders.map((path) => ({ op: 'spread', path }) as const);
    await this.#options.files.apply(hints, { signal }).catch(() => {
      signal.throwIfAborted();
    });
  }

  #set(problem: string | undefined): void {
    const before = this.#problem;
    this.#problem = problem;
    if (before !== problem) this.#options.onChange();
  }
}
