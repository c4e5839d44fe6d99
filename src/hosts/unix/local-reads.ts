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
  const bytes = await readStart(file, { maxBytes: maxBytes + 1 });
  if (bytes.length > maxBytes)
    throw new HostError('invalid', host, `${path} is longer than ${String(maxBytes)} bytes`);
  return bytes;
}

/** What a file begins with; the end of a file that is longer is left out. */
export async function readStart(file: FileHandle, { maxBytes }: { maxBytes: number }): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of chunksOf(file, maxBytes)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Up to so many bytes, in pieces that grow: most files that are read again and again are short ones of /proc. */
async function* chunksOf(file: FileHandle, limit: number): AsyncIterable<Buffer> {
  for (let size = 0; size < limit;) {
    const { bytesRead, buffer } = await file.read({
      buffer: Buffer.allocUnsafe(Math.min(size === 0 ? FIRST_READ : BLOCK, limit - size)),
    });
    if (bytesRead === 0) return;
    size += bytesRead;
    yield buffer.subarray(0, bytesRead);
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
