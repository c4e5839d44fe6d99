/** Reads files of this machine, never more than was asked for, and none but regular ones. */
import type { FileHandle } from 'node:fs/promises';
import { HostError } from '../../model/errors.ts';
import { withDeadline } from '../../util/abort.ts';
import { Semaphore } from '../../util/semaphore.ts';
import { openWithin } from './local-open.ts';

const FIRST_READ = 4_096;
const BLOCK = 65_536;
/**
 * Of the process: a thread of its pool each, for as long as a silent server likes; the others stay for
 * everybody else.
 */
const stuckable = new Semaphore(8);
const POD_FILE_MS = 20_000;

/** /proc's files have no size: it is read until the end. More than maxBytes is an error of kind `invalid`. */
export async function readWhole(
  file: FileHandle,
  { maxBytes, host, path }: { maxBytes: number; host: string; path: string },
): Promise<Buffer> {
  const bytes = await readStart(file, { maxBytes: maxBytes + 1 });
  if (bytes.length > maxBytes)
    throw new HostError('invalid', host, `${path} is longer than ${String(maxBytes)} bytes`);
  return bytes;
}

/**
 * What a file begins with; the end of a longer one is left out. Most files that are read again and again are
 * short ones of /proc, whose size nobody can ask for: they take one small buffer.
 */
export async function readStart(file: FileHandle, { maxBytes }: { maxBytes: number }): Promise<Buffer> {
  let buffer = Buffer.allocUnsafe(Math.min(FIRST_READ, maxBytes));
  let size = 0;
  while (size < maxBytes) {
    if (size === buffer.length) {
      const larger = Buffer.allocUnsafe(Math.min(maxBytes, size + Math.max(size, BLOCK)));
      buffer.copy(larger);
      buffer = larger;
    }
    const { bytesRead } = await file.read(buffer, size, buffer.length - size, null);
    if (bytesRead === 0) break;
    size += bytesRead;
  }
  return buffer.subarray(0, size);
}

export async function readEnd(file: FileHandle, { maxBytes }: { maxBytes: number }): Promise<Buffer> {
  const { size } = await file.stat();
  const buffer = Buffer.alloc(Math.min(size, maxBytes));
  const { bytesRead } = await file.read(buffer, 0, buffer.length, size - buffer.length);
  return buffer.subarray(0, bytesRead);
}

/** A read that never ends keeps its place; callers that wait for it, or for a place, give up. */
export function readPodFile(
  { host, root, path }: { host: string; root: string; path: string },
  { signal, maxBytes, tail = false }: { signal: AbortSignal; maxBytes: number; tail?: boolean },
): Promise<Buffer> {
  const whole = `${root}/${path}`;
  return withDeadline(signal, POD_FILE_MS, `read ${whole}`, (limited) =>
    stuckable.run(limited, async () => {
      await using file = await openWithin(root, path);
      return tail
        ? await readEnd(file, { maxBytes })
        : await readWhole(file, { maxBytes, host, path: whole });
    }),
  );
}
