/** A file or folder of the host's /var/log, for /logs/. */
import { Readable } from 'node:stream';
import type { HostFile, HostFiles } from '../hosts/link.ts';
import { messageOf } from '../model/errors.ts';
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
    content: content(file, info.size),
  };
}

/**
 * Exactly as much as was announced, also of a file that grows; what was cut off meanwhile ends it early. The file is closed
 * however the stream ends, be it before it was read at all.
 */
function content(file: HostFile, size: number): Readable {
  let at = 0;
  return new Readable({
    highWaterMark: BLOCK,
    read() {
      const length = Math.min(BLOCK, size - at);
      if (length <= 0) {
        this.push(null);
        return;
      }
      file.read(at, length).then(
        (piece) => {
          at += piece.length;
          this.push(piece.length === 0 ? null : piece);
        },
        (error: unknown) => {
          this.destroy(error instanceof Error ? error : new Error(messageOf(error)));
        },
      );
    },
    destroy(error, done) {
      file.close().then(
        () => {
          done(error);
        },
        () => {
          done(error);
        },
      );
    },
  });
}
