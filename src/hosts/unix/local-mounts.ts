/** What is mounted on the machine that farlet itself runs on. */
import { lstat, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { linesWith, mountinfoPath, mountsAtOrBelow, parseMountinfo } from '../far/mountinfo.ts';
import type { MountEntry } from '../link/link.ts';
import { systemClock } from '../../util/clock.ts';
import { inNext } from '../../util/in-one.ts';
import { longKernelText } from './kernel-texts.ts';

const MOUNTINFO = '/proc/self/mountinfo';

/** The kernel takes milliseconds for a table of thousands: reading is a quarter of what is done at most. */
const REST = 3;
/** Before that it is not read again: ms of the monotonic clock. */
let restsUntil = -Infinity;

/** Takes what it wants of the table, at once: the bytes are others afterwards. */
interface Look {
  take(table: Buffer): void;
  fail(error: unknown): void;
}

let waiting: Look[] = [];

/**
 * One reading for all that were waiting when it began. There is one table, which may have a line for each of
 * thousands of pods.
 */
const read: () => Promise<void> = inNext(async () => {
  // who asked while the one before rested has had that one
  if (waiting.length === 0) return;
  const restMs = restsUntil - systemClock.monotonic();
  if (restMs > 0) await new Promise<void>((resolve) => systemClock.after(restMs, resolve));
  const looks = waiting;
  waiting = [];
  const began = systemClock.monotonic();
  try {
    const table = (await longKernelText(MOUNTINFO)) ?? (await readFile(MOUNTINFO));
    const now = systemClock.monotonic();
    restsUntil = now + REST * (now - began);
    for (const look of looks) look.take(table);
  } catch (error) {
    for (const look of looks) look.fail(error);
  }
});

/** What the look finds in the table, as of now or later. */
function inTable<T>(find: (table: Buffer) => T): Promise<T> {
  return new Promise((resolve, reject) => {
    const take = (table: Buffer): void => {
      resolve(find(table));
    };
    waiting.push({ take, fail: reject });
    void read();
  });
}

/** As of now or later; whoever asks at the same time gets the same. */
export const mountEntries: () => Promise<readonly MountEntry[]> = inNext(() =>
  inTable((table) => parseMountinfo(table.toString())),
);

/** Mount points at the path and below it, the deepest first. */
export function localMountsBelow(path: string): Promise<string[]> {
  return inTable((table) =>
    mountsAtOrBelow(parseMountinfo(linesWith(table, ` ${mountinfoPath(path)}`)), path),
  );
}

/**
 * Whether something is mounted on the folder, but for a bind mount of the device below it (mount-utils
 * IsLikelyNotMountPoint): two looks, where the mount table may have thousands of lines. Not for what a server
 * may hold up.
 */
export async function isOtherDevice(path: string): Promise<boolean> {
  try {
    const [at, above] = await Promise.all([lstat(path), lstat(dirname(path))]);
    return at.dev !== above.dev;
  } catch {
    // what is wrong with the path mount says in words that people know
    return false;
  }
}
