/** What a tree on this machine's disk takes up (pkg/volume/util/fs DiskUsage). */
import type { Stats } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import type { TreeUsage } from '../link/link.ts';

/** statx counts in blocks of this size, whatever the file system's own. */
const BLOCK = 512;
const AT_ONCE = 16;
const SLASH = Buffer.from('/');

/** Rejects where nothing is; what vanishes on the way counts no more. */
export async function treeUsage(path: string, { signal }: { signal: AbortSignal }): Promise<TreeUsage> {
  const root = await lstat(path);
  const seen = new Set<number>();
  const sum = { bytes: 0, inodes: 0 };
  const count = (stats: Stats): void => {
    if (stats.nlink > 1 && !stats.isDirectory()) {
      if (seen.has(stats.ino)) return;
      seen.add(stats.ino);
    }
    sum.bytes += stats.blocks * BLOCK;
    sum.inodes += 1;
  };
  count(root);
  // names are bytes: what is not UTF-8 counts as well
  const folders = root.isDirectory() ? [Buffer.from(path)] : [];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    signal.throwIfAborted();
    const names = (await unlessGone(readdir(folder, { encoding: 'buffer' }))) ?? [];
    const within = Buffer.concat([folder, SLASH]);
    for (let start = 0; start < names.length; start += AT_ONCE) {
      const paths = names.slice(start, start + AT_ONCE).map((name) => Buffer.concat([within, name]));
      const stats = await Promise.all(paths.map((each) => unlessGone(lstat(each))));
      for (const [index, each] of stats.entries()) {
        if (each?.dev !== root.dev) continue;
        count(each);
        const at = paths[index];
        if (at !== undefined && each.isDirectory()) folders.push(at);
      }
    }
  }
  return sum;
}

async function unlessGone<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
      return undefined;
    throw error;
  }
}
