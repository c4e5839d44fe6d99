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

/**
 * As of now or later. There is one table, which may have a line for each of thousands of pods: whoever asks
 * at the same time shares a reading.
 */
const table: () => Promise<string> = inNext(async () => {
  const restMs = restsUntil - systemClock.monotonic();
  if (restMs > 0) await new Promise<void>((resolve) => systemClock.after(restMs, resolve));
  const began = systemClock.monotonic();
  const text = (await longKernelText(MOUNTINFO)) ?? (await readFile(MOUNTINFO, 'utf8'));
  const now = systemClock.monotonic();
  restsUntil = now + REST * (now - began);
  return text;
});

/** As of now or later; whoever asks at the same time gets the same. */
export const mountEntries: () => Promise<readonly MountEntry[]> = inNext(async () =>
  parseMountinfo(await table()),
);

/** Mount points at the path and below it, the deepest first. */
export async function localMountsBelow(path: string): Promise<string[]> {
  return mountsAtOrBelow(parseMountinfo(linesWith(await table(), ` ${mountinfoPath(path)}`)), path);
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
