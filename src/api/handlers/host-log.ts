/** A file or folder of the host's /var/log, for /logs/. */
import type { HostFile, HostFiles } from '../../hosts/link/link.ts';
import { kindOf } from '../../model/errors.ts';
import { LogBlocks } from '../../runtime/logs/log-blocks.ts';
import type { HostLog } from '../server/backend.ts';
import type { Clock } from '../../util/clock.ts';

const ROOT = '/var/log';

interface HostLogOptions {
  readonly signal: AbortSignal;
  readonly clock: Pick<Clock, 'monotonic'>;
  /** default: /var/log */
  readonly root?: string;
}

/**
 * Links are followed as long as they stay in /var/log, where pods that have it as a hostPath can leave links
 * to anywhere; a kubelet follows them all.
 */
export async function readHostLog(
  files: HostFiles,
  path: string,
  { signal, clock, root = ROOT }: HostLogOptions,
): Promise<HostLog | undefined> {
  const whole = await pathWithin(files, root, { path, signal });
  if (whole === undefined) return undefined;
  const info = await files.stat(whole, { signal });
  if (info?.type === 'directory') {
    const entries = (await files.list(whole, { signal })) ?? [];
    return {
      type: 'folder',
      entries: entries.map(({ name, type }) => ({ name, isFolder: type === 'directory' })),
    };
  }
  if (info?.type !== 'file') return undefined;
  const file = await files.open(whole, { signal });
  return {
    type: 'file',
    size: info.size,
    modified: info.mtime,
    content: content(file, { size: info.size, clock, signal }),
  };
}

/** The path with its links resolved; undefined if it leads out of the root, or nowhere. */
async function pathWithin(
  files: HostFiles,
  root: string,
  { path, signal }: { path: string; signal: AbortSignal },
): Promise<string | undefined> {
  try {
    const [within, whole] = await Promise.all([
      files.realPath(root, { signal }),
      files.realPath(path === '' ? root : `${root}/${path.replace(/\/$/, '')}`, { signal }),
    ]);
    return whole === within || whole.startsWith(`${within}/`) ? whole : undefined;
  } catch (error) {
    if (kindOf(error) === 'not-found') return undefined;
    throw error;
  }
}

/** Exactly as much as was announced, also of a file that grows; what was cut off meanwhile ends it early. */
async function* content(
  file: HostFile,
  { size, clock, signal }: { size: number; clock: Pick<Clock, 'monotonic'>; signal: AbortSignal },
): AsyncGenerator<Buffer> {
  try {
    yield* new LogBlocks(file, clock).read(0, size, { signal });
  } finally {
    await file.close();
  }
}
