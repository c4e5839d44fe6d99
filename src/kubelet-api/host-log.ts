/** A file or folder of the host's /var/log, for /logs/. */
import { Readable } from 'node:stream';
import type { HostFile, HostFiles } from '../hosts/link.ts';
import type { HostLog } from '../server/backend.ts';

const ROOT = '/var/log';
const BLOCK = 64 * 1024;

export async function readHostLog(
  files: HostFiles,
  path: string,
  { signal }: { signal: AbortSignal },
): Promise<HostLog | undefined> {
  const whole = path === '' ? ROOT : `${ROOT}/${path.replace(/\/$/, '')}`;
  const info = await files.stat(whole, { signal, follow: true });
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
    content: Readable.from(pieces(file, info.size), { objectMode: false }),
  };
}

/** Exactly as much as was announced, also of a file that grows; what was cut off meanwhile ends it early. */
async function* pieces(file: HostFile, size: number): AsyncIterable<Buffer> {
  try {
    for (let at = 0; at < size;) {
      const piece = await file.read(at, Math.min(BLOCK, size - at));
      if (piece.length === 0) return;
      at += piece.length;
      yield piece;
    }
  } finally {
    await file.close();
  }
}
