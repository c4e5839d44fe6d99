/** Compresses a file where it lies (pkg/kubelet/logs/container_log_manager.go compressLog). */
import { createWriteStream } from 'node:fs';
import { rename, rm, unlink } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { openRegular } from './local-open.ts';

/** `<path>.gz` takes the file's place with its mode. A failure leaves the file as it was. */
export async function gzipFile(path: string, { signal }: { signal: AbortSignal }): Promise<void> {
  await using file = await openRegular(path);
  const { mode } = await file.stat();
  const temporary = `${path}.tmp`;
  // what is left from an attempt before; and never through a link that somebody has put there
  await rm(temporary, { force: true });
  try {
    await pipeline(
      file.createReadStream({ autoClose: false }),
      createGzip(),
      createWriteStream(temporary, { mode: mode & 0o7777, flags: 'wx' }),
      { signal },
    );
    await rename(temporary, `${path}.gz`);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await unlink(path);
}
