/** Folders on a host that nothing else makes. Without them it can't run pods. */
import { messageOf } from '../model/errors.ts';
import type { HostFiles } from './link/link.ts';

export interface HostFoldersOptions {
  readonly files: Pick<HostFiles, 'apply'>;
  readonly paths: {
    readonly rootDir: string;
    /** of the links to containers' logs */
    readonly containerLogsDir: string;
  };
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
    try {
      await files.apply(
        [
          { op: 'mkdir', path: paths.containerLogsDir, mode: 0o755 },
          { op: 'mkdir', path: paths.rootDir, mode: 0o750 },
        ],
        { signal },
      );
    } catch (error) {
      signal.throwIfAborted();
      this.#set(`folders can't be made: ${messageOf(error)}`);
      throw error;
    }
    this.#set(undefined);
  }

  #set(problem: string | undefined): void {
    const before = this.#problem;
    this.#problem = problem;
    if (before !== problem) this.#options.onChange();
  }
}
