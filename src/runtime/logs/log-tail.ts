/** The end of a container's log: where its last lines begin, and what a failed container said at last. */
import type { HostFile, HostFiles } from '../../hosts/link/link.ts';
import { forms, type ParseEntry } from './log-entry.ts';
import { logFault } from './log-fault.ts';
import { LogReader } from './log-reader.ts';

const NEWLINE = 0x0a;
const MIN_BLOCK = 64 * 1024;
/** Each costs a round trip. */
const MAX_BLOCK = 2 * 1024 * 1024;

/**
 * Looked at for a last message, in this order until it is enough: one entry of most runtimes, many of them, a
 * very long one.
 */
const LOOKS = [20 * 1024, 256 * 1024, 4 * 1024 * 1024] as const;
const MAX_LINES = 80;
const MAX_BYTES = 2048;

/**
 * Where the last `lines` lines of the file's first `size` bytes begin; what follows the last line break
 * counts as none (cri-client/pkg/logs/tail.go). Reads backwards, no more than it must.
 */
export async function tailStart(
  file: Pick<HostFile, 'read'>,
  { lines, size }: { lines: number; size: number },
  { signal }: { signal: AbortSignal },
): Promise<number> {
  let wanted = lines + 1;
  let length = MIN_BLOCK;
  for (let end = size; end > 0; length = Math.min(MAX_BLOCK, length * 2)) {
    signal.throwIfAborted();
    const start = Math.max(0, end - length);
    const block = await file.read(start, end - start);
    for (let at = block.length - 1; at >= 0; at -= 1) {
      if (block[at] !== NEWLINE) continue;
      wanted -= 1;
      if (wanted === 0) return start + at + 1;
    }
    end = start;
  }
  return 0;
}

/**
 * The last bytes of the last entries of a log, however long an entry is (kuberuntime_container.go
 * readLastStringFromContainerLogs). Of an entry whose beginning is farther back than anybody looks, the end
 * is told all the same. Throws LogFault for what is no log.
 */
export async function lastWords(
  path: string,
  { files, signal }: { files: Pick<HostFiles, 'readTail' | 'look'>; signal: AbortSignal },
): Promise<Buffer> {
  for (const maxBytes of LOOKS) {
    const end = await files.readTail(path, { signal, maxBytes }).catch(async (error: unknown) => {
      throw await logFault(error, path, { files, signal });
    });
    const words = wordsOf(end, { isWhole: end.length < maxBytes, isLast: maxBytes === LOOKS.at(-1) });
    if (words !== undefined) return words;
  }
  return Buffer.alloc(0);
}

/**
 * What the end of a log has of its last words, undefined if they may begin before it and more can be had.
 * Pure.
 */
export function wordsOf(
  end: Buffer,
  { isWhole, isLast }: { isWhole: boolean; isLast: boolean },
): Buffer | undefined {
  // the beginning of the first line is missing, and with it what kind of entry it is
  const cut = isWhole ? end.subarray(0, 0) : end.subarray(0, end.indexOf(NEWLINE) + 1 || end.length);
  const lines = end.subarray(cut.length);
  const { start, count } = lastLinesOf(lines);
  if (isWhole || count >= MAX_LINES) return written(lines.subarray(start), undefined).subarray(-MAX_BYTES);
  const form = formOfAny(lines);
  if (form === undefined && !isLast) return undefined;
  const words = form === undefined ? lines : written(lines, form);
  if (words.length < MAX_BYTES && !isLast) return undefined;
  return Buffer.concat([cut, words]).subarray(-MAX_BYTES);
}

/** The first line of any form stands for those before, whose beginning isn't here. */
function formOfAny(lines: Buffer): ParseEntry | undefined {
  return forms.find((parse) => {
    for (let at = 0; at < lines.length;) {
      const end = lines.indexOf(NEWLINE, at) + 1 || lines.length;
      if (parse(lines.subarray(at, end)) !== undefined) return true;
      at = end;
    }
    return false;
  });
}

function lastLinesOf(lines: Buffer): { start: number; count: number } {
  let count = 0;
  for (let at = lines.length - 1; at >= 0; at -= 1) {
    if (lines[at] !== NEWLINE) continue;
    if (count === MAX_LINES) return { start: at + 1, count };
    count += 1;
  }
  return { start: 0, count };
}

function written(lines: Buffer, form: ParseEntry | undefined): Buffer {
  const all = { follow: false, limitBytes: undefined, since: undefined, timestamps: false };
  const reader = new LogReader({ ...all, tailLines: MAX_LINES }, form);
  const out = Buffer.concat([reader.take(lines), reader.end()]);
  if (reader.fault !== undefined) throw reader.fault;
  return out;
}
