import { own } from '../../model/own.ts';
import type { FileInfo, FileOp, FileType, HostFiles } from '../../hosts/link/link.ts';
import { FarletError, isUnanswered, kindOf } from '../../model/errors.ts';

const wanted: Record<string, { type: FileType; name: string }> = {
  Directory: { type: 'directory', name: 'directory' },
  DirectoryOrCreate: { type: 'directory', name: 'directory' },
  File: { type: 'file', name: 'file' },
  FileOrCreate: { type: 'file', name: 'file' },
  Socket: { type: 'socket', name: 'socket file' },
  CharDevice: { type: 'char-device', name: 'character device' },
  BlockDevice: { type: 'block-device', name: 'block device' },
};

/**
 * Makes what a hostPath asks for. Whatever keeps the host from telling what is there counts as nothing there,
 * and what is in the place of something that would be made is left to the runtime, as in the kubelet
 * (pkg/volume/hostpath makeDir, makeFile).
 */
export async function prepareHostPath(
  files: Pick<HostFiles, 'stat' | 'apply'>,
  { path, type }: { path: string; type: string },
  { signal }: { signal: AbortSignal },
): Promise<void> {
  const call = { signal, mayHang: true };
  const found =
    type === '' ? undefined : await files.stat(path, { ...call, follow: true }).catch(unlessUnreached);
  const ops = planHostPath(path, type, found);
  if (ops.length === 0) return;
  try {
    await files.apply(ops, call);
  } catch (error) {
    if (kindOf(error) !== 'already-exists') throw error;
  }
}

function unlessUnreached(error: unknown): undefined {
  // the host was not asked either when too many requests wait for it
  if (isUnanswered(error) || kindOf(error) === 'resource-exhausted') throw error;
}

/**
 * What has to be made for a hostPath; throws the kubelet's text where another type is there
 * (pkg/volume/hostpath). Pure.
 */
export function planHostPath(path: string, type: string, found: FileInfo | undefined): FileOp[] {
  if (path.split('/').includes('..'))
    throw new FarletError('invalid', `invalid HostPath \`${path}\`: must not contain '..'`);
  if (type === '') return [];
  const want = own(wanted, type);
  if (want === undefined) throw new FarletError('invalid', `${type} is an invalid volume type`);
  if (found === undefined) {
    if (type === 'DirectoryOrCreate') return [{ op: 'mkdir', path, mode: 0o755, keep: true }];
    if (type === 'FileOrCreate') return [{ op: 'touch', path, mode: 0o644, follow: true }];
  }
  if (found?.type !== want.type)
    throw new FarletError('invalid', `hostPath type check failed: ${path} is not a ${want.name}`);
  return [];
}
