import { own } from '../model/own.ts';
import { FarletError } from '../model/errors.ts';
import type { FileInfo, FileOp, FileType } from '../hosts/link.ts';

const wanted: Record<string, { type: FileType; name: string }> = {
  Directory: { type: 'directory', name: 'directory' },
  DirectoryOrCreate: { type: 'directory', name: 'directory' },
  File: { type: 'file', name: 'file' },
  FileOrCreate: { type: 'file', name: 'file' },
  Socket: { type: 'socket', name: 'socket file' },
  CharDevice: { type: 'char-device', name: 'character device' },
  BlockDevice: { type: 'block-device', name: 'block device' },
};

/** What has to be made for a hostPath; throws the kubelet's text where another type is there (pkg/volume/hostpath). Pure. */
export function planHostPath(path: string, type: string, found: FileInfo | undefined): FileOp[] {
  if (path.split('/').includes('..'))
    throw new FarletError('invalid', `invalid HostPath \`${path}\`: must not contain '..'`);
  if (type === '') return [];
  const want = own(wanted, type);
  if (want === undefined) throw new FarletError('invalid', `${type} is an invalid volume type`);
  if (found === undefined) {
    if (type === 'DirectoryOrCreate') return [{ op: 'mkdir', path, mode: 0o755 }];
    if (type === 'FileOrCreate') return [{ op: 'touch', path, mode: 0o644 }];
  }
  if (found?.type !== want.type)
    throw new FarletError('invalid', `hostPath type check failed: ${path} is not a ${want.name}`);
  return [];
}
