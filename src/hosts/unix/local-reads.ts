/** Reads files of this machine, never more than was asked for, and none but regular ones. */
import type { FileHandle } from 'node:fs/promises';
import { HostError } from '../../model/errors.ts';
import { withDeadline } from '../../util/abort.ts';
import { Lane } from '../../util/lane.ts';
import { openWithin } from './local-open.ts';

const FIRST_READ = 4_096;
const BLOCK = 65_536;
/** Of the process: a thread of its pool each, for as long as a silent server likes; the others stay for everybody else. */
const stuckable = new Lane(8);
const POD_FILE_MS = 20_000;

/** /proc's files have no size: it is read until the end. More than maxBytes is an error of kind `invalid`. */
export async function readWhole(
  file: FileHandle,
  { maxBytes, host, path }: { maxBytes: number; host: string; path: string },
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for (let size = 0; ;) {
    const { bytesRead, buffer } = await file.read({
      // most files that are read again and again are short ones of /proc
      buffer: Buffer.allocUnsafe(Math.min(size === 0 ? FIRST_READ : BLOCK, maxBytes - size + 1)),
    });
    if (bytesRead === 0) return Buffer.concat(chunks);
    size += bytesRead;
    if (size > maxBytes)
      throw new HostError('invalid', host, `${path} is longer than ${String(maxBytes)} bytes`);
    chunks.push(buffer.subarray(0, bytesRead));
  }
}

export async function readEnd(file: FileHandle, { maxBytes }: { maxBytes: number }): Promise<Buffer> {
  const { size } = await file.stat();
  const buffer = Buffer.alloc(Math.min(size, maxBytes));
  const { bytesRead } = await file.read(buffer, 0, buffer.length, size - buffer.length);
  return buffer.subarray(0, bytesRead);
}

/** A read that never ends keeps its place; whoever waits for it, or for a place, gives up. */
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
