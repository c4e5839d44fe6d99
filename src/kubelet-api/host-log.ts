/** A file or folder of the host's /var/log, for /logs/. */
import type { HostFile, HostFiles } from '../hosts/link.ts';
import { LogBlocks } from '../runtime/log-blocks.ts';
import type { HostLog } from '../server/backend.ts';
import type { Clock } from '../util/clock.ts';

const ROOT = '/var/log';

export async function readHostLog(
  files: HostFiles,
  path: string,
  { signal, clock }: { signal: AbortSignal; clock: Pick<Clock, 'monotonic'> },
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
    content: content(file, { size: info.size, clock, signal }),
  };
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
