/** What Node tells of files, as the links tell it. */
import type { Stats } from 'node:fs';
import type { FileInfo, FileType } from '../link/link.ts';

interface Kind {
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
  isSocket(): boolean;
  isCharacterDevice(): boolean;
  isBlockDevice(): boolean;
}

export function fileType(kind: Kind): FileType {
  if (kind.isFile()) return 'file';
  if (kind.isDirectory()) return 'directory';
  if (kind.isSymbolicLink()) return 'symlink';
  if (kind.isSocket()) return 'socket';
  if (kind.isCharacterDevice()) return 'char-device';
  return kind.isBlockDevice() ? 'block-device' : 'fifo';
}

export function fileInfo(stats: Stats): FileInfo {
  return {
    type: fileType(stats),
    size: stats.size,
    mode: stats.mode & 0o7777,
    uid: stats.uid,
    gid: stats.gid,
    mtime: stats.mtimeMs,
    inode: stats.ino,
    device: stats.dev,
  };
}

/** For `catch`: an error of this code is no error. */
export function ignore(code: string): (error: unknown) => undefined {
  return (error) => {
    if (error instanceof Error && 'code' in error && error.code === code) return undefined;
    throw error;
  };
}
