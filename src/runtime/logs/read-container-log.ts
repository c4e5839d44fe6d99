/**
 * Reads a container's log on its host, and follows it through rotation (cri-client/pkg/logs/logs.go
 * ReadLogs).
 */
import type { HostFile, HostFiles } from '../../hosts/link/link.ts';
import { systemClock, type Clock } from '../../util/clock.ts';
import { LogBlocks } from './log-blocks.ts';
import { LogChain, type ChainFile } from './log-chain.ts';
import { logFault } from './log-fault.ts';
import { LogReader, type LogOptions } from './log-reader.ts';
import { tailStart } from './log-tail.ts';

/** A runtime that begins a log again may still be writing its last lines to the old file. */
const SETTLE_MS = 100;

export interface ReadLogInput {
  readonly files: HostFiles;
  readonly path: string;
  readonly options: LogOptions;
  readonly isRunning: () => boolean;
  readonly clock?: Pick<Clock, 'sleep' | 'monotonic'>;
}

interface Cancellable {
  readonly signal: AbortSignal;
}

/**
 * What to send, piece by piece. Without follow that is what the log holds when it is opened, however fast it
 * grows; a followed log ends when its container has ended and all is read. Rejects with LogFault, whose text
 * is for the client.
 */
export async function* readContainerLog(
  input: ReadLogInput,
  { signal }: Cancellable,
): AsyncGenerator<Buffer> {
  const { files, path, options, clock = systemClock } = input;
  const file = await openLog(files, path, { signal });
  const reading = new Reading({ file, isCurrent: true }, { reader: new LogReader(options), clock });
  try {
    const { size } = file.opened;
    reading.position =
      options.tailLines === undefined
        ? 0
        : await tailStart(file, { lines: options.tailLines, size }, { signal });
    if (options.follow) yield* follow(input, reading, { signal });
    else yield* reading.upTo(size, { signal });
    yield* reading.end();
  } finally {
    await reading.close();
  }
}

async function* follow(
  { files, path, isRunning, clock = systemClock }: ReadLogInput,
  reading: Reading,
  { signal }: Cancellable,
): AsyncGenerator<Buffer> {
  const chain = new LogChain(files, path);
  chain.begin({ signal });
  const folder = path.slice(0, path.lastIndexOf('/'));
  const changes = files.changes(folder, { signal, file: () => reading.file })[Symbol.asyncIterator]();
  try {
    while (!reading.isFull) {
      const wasRunning = isRunning();
      yield* reading.upTo(Infinity, { signal });
      const hasMoved = reading.isCurrent && (await reading.file.moved());
      if (hasMoved) {
        // what was written between the last read and the rotation is in the old file, some of it only in a
        // moment
        await clock.sleep(SETTLE_MS, { signal });
        yield* reading.upTo(Infinity, { signal });
      }
      const next = hasMoved || !reading.isCurrent ? await chain.next(reading.file, { signal }) : undefined;
      if (next !== undefined) yield* reading.goOn(next);
      else if (!wasRunning || (await changes.next()).done === true) return;
    }
  } finally {
    // a watch that nobody ends is asked of the host for ever
    await changes.return?.();
  }
}

/** The file that is read, how far, and what becomes of its bytes. */
class Reading {
  position = 0;
  #at: ChainFile;
  #blocks: LogBlocks;
  readonly #reader: LogReader;
  readonly #clock: Pick<Clock, 'monotonic'>;

  constructor(at: ChainFile, { reader, clock }: { reader: LogReader; clock: Pick<Clock, 'monotonic'> }) {
    this.#at = at;
    this.#reader = reader;
    this.#clock = clock;
    this.#blocks = new LogBlocks(at.file, clock);
  }

  get file(): HostFile {
    return this.#at.file;
  }

  get isCurrent(): boolean {
    return this.#at.isCurrent;
  }

  get isFull(): boolean {
    return this.#reader.isFull;
  }

  async *upTo(end: number, { signal }: Cancellable): AsyncGenerator<Buffer> {
    if (this.isFull) return;
    for await (const block of this.#blocks.read(this.position, end, { signal })) {
      this.position += block.length;
      const piece = this.#reader.take(block);
      if (piece.length > 0) yield piece;
      this.#check();
      if (this.#reader.isFull) return;
    }
  }

  *end(): Generator<Buffer> {
    const piece = this.#reader.end();
    if (piece.length > 0) yield piece;
    this.#check();
  }

  #check(): void {
    const { fault } = this.#reader;
    if (fault !== undefined) throw fault;
  }

  /** With the next file; what can't be read of those between is told in its place. */
  async *goOn({ lost, ...next }: ChainFile & { readonly lost: number }): AsyncGenerator<Buffer> {
    const old = this.#at;
    const missing = lost + (old.file.isLost?.() === true ? 1 : 0);
    this.#at = next;
    this.position = 0;
    this.#blocks = new LogBlocks(next.file, this.#clock);
    await old.file.close();
    if (missing === 0) return;
    const what = missing === 1 ? 'a rotated file was' : `${String(missing)} rotated files were`;
    const piece = this.#reader.gap(
      `farlet: lines are missing here: ${what} compressed or removed before being read`,
    );
    if (piece.length > 0) yield piece;
  }

  close(): Promise<void> {
    return this.file.close();
  }
}

async function openLog(files: HostFiles, path: string, options: Cancellable): Promise<HostFile> {
  try {
    return await files.open(path, options);
  } catch (error) {
    throw await logFault(error, path, { files, ...options });
  }
}
