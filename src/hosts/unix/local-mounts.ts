/** What is mounted on the machine that farlet itself runs on. */
import { lstat, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { mountsAtOrBelow, parseMountinfo } from '../far/mountinfo.ts';
import type { MountEntry } from '../link/link.ts';

const MOUNTINFO = '/proc/self/mountinfo';

export async function mountEntries(): Promise<MountEntry[]> {
  return parseMountinfo(await readFile(MOUNTINFO, 'utf8'));
}

/** Mount points at the path and below it, the outermost first. */
export async function localMountsBelow(path: string): Promise<string[]> {
  return mountsAtOrBelow(await readFile(MOUNTINFO, 'utf8'), path);
}

/**
 * Whether something is mounted on the folder, but for a bind mount of the device below it (mount-utils IsLikelyNotMountPoint): two
 * looks, where the mount table may have thousands of lines. Not for what a server may hold up.
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
