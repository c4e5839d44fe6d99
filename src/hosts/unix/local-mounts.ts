/** What is mounted on the machine that farlet itself runs on. */
import { lstat, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { linesWith, mountsAtOrBelow, parseMountinfo } from '../far/mountinfo.ts';
import { mountinfoPath } from '../far/remote-encoding.ts';
import type { MountEntry } from '../link/link.ts';
import { inNext } from '../../util/in-one.ts';
import { longKernelText } from './kernel-texts.ts';

const MOUNTINFO = '/proc/self/mountinfo';

/**
 * As of now or later. There is one table, which may have a line for each of thousands of pods: whoever asks
 * at the same time shares a reading.
 */
const table: () => Promise<string> = inNext(
  async () => (await longKernelText(MOUNTINFO)) ?? (await readFile(MOUNTINFO, 'utf8')),
);

export async function mountEntries(): Promise<readonly MountEntry[]> {
  return parseMountinfo(await table());
}

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
