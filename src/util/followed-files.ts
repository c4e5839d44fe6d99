/**
 * Files that may be replaced while farlet runs: keys, certificates, host keys. Content is compared, not
 * times: a mounted Secret changes by a swapped link. What can't be used leaves in place what was there
 * before.
 */
import { readFile, stat } from 'node:fs/promises';
import { messageOf } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import { withDeadline } from './abort.ts';
import type { Beat } from './beat.ts';
import type { Clock } from './clock.ts';

/** Paths by what messages call them, such as privateKeyFile. */
type Named<Name extends string, T> = Readonly<Record<Name, T>>;

export interface FollowedOptions<Name extends string, T> {
  readonly files: Named<Name, string>;
  /** @throws Error that says which file is wrong, and how */
  readonly parse: (contents: Named<Name, Buffer>) => T | Promise<T>;
}

export interface Followed<T> {
  /**
   * What the files hold, as last usable: read again with each call. Rejects only if they never were; the
   * error says why.
   */
  read(): Promise<T>;
  /** They are looked at no more. */
  release(): void;
}

export interface FollowedFilesOptions {
  /** What became of the last look at a file; undefined: what it holds is in use. */
  readonly onLook?: (path: string, problem: string | undefined) => void;
  /** Nobody needs the file any more. */
  readonly onReleased?: (path: string) => void;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly log: Log;
}

/** How long a file may be wrong, or new, before it is told of although nobody needs it. */
const LOOK_MS = 30_000;
/** What a disk of the network may take. */
const READ_MS = 10_000;
/** More than any bundle of keys or certificates. */
const MAX_BYTES = 4 * 1024 * 1024;

/** The files that parts of the process follow, looked at on one beat. */
export class FollowedFiles {
  readonly #options: FollowedFilesOptions;
  readonly #all = new Map<Followed<unknown>, readonly string[]>();
  /** by files, so that a fault of those that many hosts share is logged once */
  readonly #problems = new Map<string, string>();

  constructor(options: FollowedFilesOptions) {
    this.#options = options;
  }

  /** Nothing is read before it is asked for. */
  follow<Name extends string, T>(options: FollowedOptions<Name, T>): Followed<T> {
    const paths = Object.values<string>(options.files);
    const contents = new Contents(options, (outcome) => {
      this.looked(paths, outcome);
    });
    const followed: Followed<T> = {
      read: () => contents.read(),
      release: () => {
        this.#all.delete(followed);
        this.#forget(paths);
      },
    };
    this.#all.set(followed, paths);
    return followed;
  }

  /** Looks at every file regularly until the signal aborts. */
  async run({ beat, signal }: { beat: Pick<Beat, 'until'>; signal: AbortSignal }): Promise<void> {
    const { clock } = this.#options;
    for (;;) {
      await clock.sleep(beat.until(LOOK_MS), { signal });
      // what was never usable is told by who needs it
      for (const each of [...this.#all.keys()]) await each.read().catch(() => undefined);
    }
  }

  /**
   * What became of a look at files. For credentials of the API server, too: files are only a part of them,
   * and a library reads those.
   */
  looked(paths: readonly string[], { problem, isNew }: Outcome): void {
    const { log, onLook } = this.#options;
    for (const path of paths) onLook?.(path, problem);
    const key = paths.join('\n');
    const before = this.#problems.get(key);
    if (problem === undefined) this.#problems.delete(key);
    else this.#problems.set(key, problem);
    if (problem !== undefined && problem !== before)
      log.warn({ files: paths, reason: problem }, 'changed files can not be used: the former stay in use');
    if (isNew) log.info({ files: paths }, 'changed files are in use');
  }

  #forget(paths: readonly string[]): void {
    this.#problems.delete(paths.join('\n'));
    const needed = new Set([...this.#all.values()].flat());
    for (const path of paths) if (!needed.has(path)) this.#options.onReleased?.(path);
  }
}

export interface Outcome {
  /** why what the files hold can't be used, so that the former stays; undefined: it is in use */
  readonly problem: string | undefined;
  /** they have replaced others */
  readonly isNew: boolean;
}

class Contents<Name extends string, T> {
  readonly #options: FollowedOptions<Name, T>;
  readonly #report: (outcome: Outcome) => void;
  #held: { readonly bytes: Named<Name, Buffer>; readonly value: T } | undefined;
  #reading: Promise<T> | undefined;

  constructor(options: FollowedOptions<Name, T>, report: (outcome: Outcome) => void) {
    this.#options = options;
    this.#report = report;
  }

  read(): Promise<T> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #read(): Promise<T> {
    const held = this.#held;
    try {
      const { files } = this.#options;
      const what = Object.values<string>(files).join(', ');
      const bytes = await withDeadline(undefined, READ_MS, what, () => readAll(files));
      const isNew = held === undefined || !sameContents(held.bytes, bytes);
      const value = isNew ? await this.#options.parse(bytes) : held.value;
      this.#held = { bytes, value };
      this.#report({ problem: undefined, isNew: isNew && held !== undefined });
      return value;
    } catch (error) {
      if (held === undefined) throw error;
      this.#report({ problem: messageOf(error), isNew: false });
      return held.value;
    }
  }
}

async function readAll<Name extends string>(files: Named<Name, string>): Promise<Named<Name, Buffer>> {
  const entries = Object.entries<string>(files).map(async ([name, path]) => [
    name,
    await readBounded(name, path),
  ]);
  return Object.fromEntries(await Promise.all(entries)) as Named<Name, Buffer>;
}

async function readBounded(name: string, path: string): Promise<Buffer> {
  try {
    const { size } = await stat(path);
    if (size > MAX_BYTES)
      throw new Error(`it has ${String(size)} bytes, at most ${String(MAX_BYTES)} are read`);
    return await readFile(path);
  } catch (error) {
    throw new Error(`${name} ${path} can't be read: ${messageOf(error)}`, { cause: error });
  }
}

function sameContents<Name extends string>(a: Named<Name, Buffer>, b: Named<Name, Buffer>): boolean {
  return Object.entries<Buffer>(a).every(([name, bytes]) => bytes.equals(b[name as Name]));
}
