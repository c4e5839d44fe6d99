/** Which file a follower reads next when a log has been rotated, once or more often since it looked. */
import type { HostFile, HostFiles } from '../../hosts/link/link.ts';
import { isNotFound } from '../../model/errors.ts';
import { compressedSuffix, rotatedNames } from './log-rotation.ts';

/** A file of a log's, open; `isCurrent` while the runtime may write to it under the log's own name. */
export interface ChainFile {
  readonly file: HostFile;
  readonly isCurrent: boolean;
}

/** How often the folder is looked at again when a file of it has gone between the look and the opening. */
const TRIES = 5;
/** Of the newest ones: more than any setting leaves, however many somebody has put there. */
const MAX_LOOKED_AT = 64;

/**
 * The files of one log in the order in which they were written. The file that is read is found by its inode;
 * where it has been compressed or removed, by what was not there when it was opened.
 */
export class LogChain {
  readonly #files: HostFiles;
  readonly #path: string;
  readonly #folder: string;
  #older: Promise<ReadonlySet<string>> = Promise.resolve(new Set());

  constructor(files: HostFiles, path: string) {
    this.#files = files;
    this.#path = path;
    this.#folder = path.slice(0, path.lastIndexOf('/'));
  }

  /**
   * To be called when the log has been opened: what has been rotated by now is older. Nobody waits for it
   * before it matters.
   */
  begin({ signal }: { signal: AbortSignal }): void {
    this.#older = this.#rotated(signal).then((names) => new Set(names.map(plain)));
    this.#older.catch(() => undefined);
  }

  /**
   * The file after the one that is held, and how many between them can't be read any more as they were
   * compressed or removed. undefined while there is none.
   */
  async next(
    held: HostFile,
    { signal }: { signal: AbortSignal },
  ): Promise<(ChainFile & { lost: number }) | undefined> {
    const older = await this.#older;
    for (let tries = 0; tries < TRIES; tries += 1) {
      const names = await this.#rotated(signal);
      const inodes = await this.#inodes(names, signal);
      const { next, lost } = after({ names, inodes, held: held.opened, older });
      const path = next === undefined ? this.#path : `${this.#folder}/${next}`;
      try {
        const file = await this.#files.open(path, { signal });
        const before = names.filter((name) => next === undefined || name < next);
        this.#older = Promise.resolve(new Set(before.map(plain)));
        return { file, isCurrent: next === undefined, lost };
      } catch (error) {
        if (!isNotFound(error)) throw error;
        if (next === undefined) return undefined;
      }
    }
    return undefined;
  }

  async #rotated(signal: AbortSignal): Promise<string[]> {
    const entries = (await this.#files.list(this.#folder, { signal })) ?? [];
    return rotatedNames(
      this.#path.slice(this.#folder.length + 1),
      entries.map(({ name }) => name),
    );
  }

  async #inodes(names: readonly string[], signal: AbortSignal): Promise<Inodes> {
    const readable = names.filter((name) => !name.endsWith(compressedSuffix)).slice(-MAX_LOOKED_AT);
    const answers = await this.#files.look(
      readable.map((name) => ({ look: 'stat', path: `${this.#folder}/${name}` })),
      { signal },
    );
    return new Map(
      readable.flatMap((name, index) => {
        const stat = answers[index]?.stat;
        return stat === undefined ? [] : [[name, stat]];
      }),
    );
  }
}

type FileId = Pick<HostFile['opened'], 'inode' | 'device'>;
type Inodes = ReadonlyMap<string, FileId>;

/**
 * Of rotated files in their order: the first one after the held one that can be read, undefined for the log
 * itself; and how many before it can't. Pure.
 */
export function after({
  names,
  inodes,
  held,
  older,
}: {
  names: readonly string[];
  inodes: Inodes;
  held: FileId;
  older: ReadonlySet<string>;
}): { next: string | undefined; lost: number } {
  const at = names.findIndex((name) => {
    const found = inodes.get(name);
    return found?.inode === held.inode && found.device === held.device;
  });
  let later = at >= 0 ? names.slice(at + 1) : names.filter((name) => !older.has(plain(name)));
  // the first one to come up since it was opened is the held one itself, compressed
  if (at < 0 && later[0] !== undefined && !inodes.has(later[0])) later = later.slice(1);
  const readable = later.findIndex((name) => inodes.has(name));
  return readable < 0 ? { next: undefined, lost: later.length } : { next: later[readable], lost: readable };
}

function plain(name: string): string {
  return name.endsWith(compressedSuffix) ? name.slice(0, -compressedSuffix.length) : name;
}
