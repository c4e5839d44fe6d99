/** Reads a container's log on its host, and follows it through rotation. */
import type { HostFile, HostFiles } from '../hosts/link.ts';
import { isNotFound } from '../model/errors.ts';
import { systemClock, type Clock } from '../util/clock.ts';
import { LogWriter, type LogOptions } from './log-lines.ts';

const BLOCK = 64 * 1024;
const NEWLINE = 0x0a;
/** A runtime that begins a log anew may still be writing its last lines to the old file. */
const SETTLE_MS = 100;

export interface ReadLogInput {
  readonly files: HostFiles;
  readonly path: string;
  readonly options: LogOptions;
  readonly isRunning: () => boolean;
  readonly clock?: Pick<Clock, 'sleep'>;
}

/** What to send, piece by piece; ends at the file's end, or when a followed container has ended and all is read. */
export async function* readContainerLog(
  { files, path, options, isRunning, clock = systemClock }: ReadLogInput,
  { signal }: { signal: AbortSignal },
): AsyncIterable<Buffer> {
  const writer = new LogWriter(options);
  let file = await files.open(path, { signal });
  let next: HostFile | undefined;
  let changes: AsyncIterator<void> | undefined;
  try {
    let position = options.tailLines === undefined ? 0 : await tailStart(file, options.tailLines);
    let rest: Buffer = Buffer.alloc(0);
    changes = options.follow
      ? files
          .changes(path.slice(0, path.lastIndexOf('/')), { signal, file: () => file })
          [Symbol.asyncIterator]()
      : undefined;
    let drained = false;
    for (let over = false; ;) {
      const wasRunning = isRunning();
      // a block that is not full is the last: asking once more would cost a far host's round trip
      for (let length = BLOCK; length === BLOCK;) {
        const block = await file.read(position, BLOCK);
        length = block.length;
        position += block.length;
        rest = Buffer.concat([rest, block]);
        for (let end = rest.indexOf(NEWLINE); end >= 0; end = rest.indexOf(NEWLINE)) {
          const piece = writer.write(rest.subarray(0, end).toString());
          rest = rest.subarray(end + 1);
          if (piece.length > 0) yield piece;
          if (writer.isFull) return;
        }
      }
      if (changes === undefined || over) return;
      if (next !== undefined && drained) {
        await file.close();
        [file, next, position, drained] = [next, undefined, 0, false];
        continue;
      }
      if (next !== undefined) {
        // what was written between the last read and the rotation is in the old file, some of it only in a moment
        await clock.sleep(SETTLE_MS, { signal }).catch(() => undefined);
        if (signal.aborted) return;
        drained = true;
        continue;
      }
      next = await successor(files, { path, file, signal });
      if (next !== undefined) continue;
      if (!wasRunning) {
        over = true;
        continue;
      }
      if ((await changes.next()).done === true) return;
    }
  } finally {
    // a watch that nobody ends is asked of the host for ever
    await Promise.all([file.close(), next?.close(), changes?.return?.()]);
  }
}

/** The file that has taken the name since (log rotation), if there is one. */
async function successor(
  files: HostFiles,
  { path, file, signal }: { path: string; file: HostFile; signal: AbortSignal },
): Promise<HostFile | undefined> {
  if (!(await file.moved())) return undefined;
  try {
    return await files.open(path, { signal });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** Where the last `lines` lines begin, read backwards block by block. */
async function tailStart(file: HostFile, lines: number): Promise<number> {
  const { size } = await file.info();
  if (lines === 0) return size;
  let wanted = lines + 1;
  for (let end = size; end > 0;) {
    const start = Math.max(0, end - BLOCK);
    const block = await file.read(start, end - start);
    for (let at = block.length - 1; at >= 0; at -= 1) {
      if (block[at] !== NEWLINE) continue;
      // a file that ends without a newline has one line more than newlines
      if (end === size && at === block.length - 1) wanted -= 1;
      else {
        wanted -= 1;
        if (wanted === 0) return start + at + 1;
      }
    }
    end = start;
  }
  return 0;
}
