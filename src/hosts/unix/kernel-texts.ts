/**
 * What the kernel of this machine tells of itself, read without a thread of the pool: such a file is no file
 * of a disk, the kernel makes its text at once, in some microseconds. Through the pool each reading is six
 * turns of a thread, and a process of a hundred nodes asks for forty a second. Of a long one each turn brings
 * a page: the table of mounts has many where there are many pods.
 */
import { readSync } from 'node:fs';
import { statfs, type FileHandle } from 'node:fs/promises';
import { openRegular } from './local-open.ts';

/** Looked at every ten seconds for evictions; short on every machine. */
const known: ReadonlySet<string> = new Set([
  '/proc/meminfo',
  '/proc/loadavg',
  '/proc/sys/kernel/pid_max',
  '/proc/sys/kernel/threads-max',
]);
/** statfs(2) PROC_SUPER_MAGIC. Others may have mounted a file of theirs there, as lxcfs does: it can hang. */
const PROC = 0x9fa0;
const MAX_BYTES = 16_384;
/** Read in one turn of the loop, in a millisecond or two. */
const TURN_BYTES = 262_144;
/** Far more than the kernel lets a namespace have mounts. */
const MAX_LONG_BYTES = 256 * 1024 * 1024;

/** Of the process, open for good: there is one kernel, and reading from the start makes the text anew. */
const held = new Map<string, Promise<FileHandle | undefined>>();
const buffer = Buffer.allocUnsafe(MAX_BYTES);
/** As long as the longest text so far: a new one for each reading would be garbage by the megabyte. */
let long = Buffer.alloc(0);

/** undefined: it is none of these files, or nothing that may be read at once. */
export async function kernelText(path: string): Promise<string | undefined> {
  if (!known.has(path)) return undefined;
  const file = await heldFile(path);
  return file === undefined ? undefined : textOf(file);
}

/**
 * A file of /proc of any length, for one reader at a time: the bytes are others once it reads again.
 * undefined: it is nothing that may be read at once.
 */
export async function longKernelText(path: string): Promise<Buffer | undefined> {
  const file = await heldFile(path);
  if (file === undefined) return undefined;
  for (let size = 0; size < MAX_LONG_BYTES;) {
    const end = size + TURN_BYTES;
    if (long.length < end) long = Buffer.concat([long], end);
    size = readOn(file, long, { from: size, end });
    if (size < end) return long.subarray(0, size);
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error(`${path} has no end`);
}

async function heldFile(path: string): Promise<FileHandle | undefined> {
  let opening = held.get(path);
  if (opening === undefined) {
    opening = hold(path).catch((error: unknown) => {
      held.delete(path);
      throw error;
    });
    held.set(path, opening);
  }
  return opening;
}

async function hold(path: string): Promise<FileHandle | undefined> {
  const file = await openRegular(path);
  const { type } = await statfs(`/proc/self/fd/${String(file.fd)}`);
  if (type === PROC) return file;
  await file.close();
  return undefined;
}

function textOf(file: FileHandle): string {
  return buffer.toString('utf8', 0, readOn(file, buffer, { from: 0, end: MAX_BYTES }));
}

/** Reads into the same places of the buffer; answers where it stopped: before `end` the text is over. */
function readOn({ fd }: FileHandle, into: Buffer, { from, end }: { from: number; end: number }): number {
  let size = from;
  while (size < end) {
    const read = readSync(fd, into, size, end - size, size);
    if (read === 0) break;
    size += read;
  }
  return size;
}
