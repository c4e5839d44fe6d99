/** Compresses a file where it lies (pkg/kubelet/logs/container_log_manager.go compressLog). */
import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm, stat, unlink } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';

/** `<path>.gz` takes the file's place with its mode. A failure leaves the file as it was. */
export async function gzipFile(path: string, { signal }: { signal: AbortSignal }): Promise<void> {
  const { mode } = await stat(path);
  const temporary = `${path}.tmp`;
  try {
    await pipeline(
      createReadStream(path),
      createGzip(),
      createWriteStream(temporary, { mode: mode & 0o7777 }),
      { signal },
    );
    await rename(temporary, `${path}.gz`);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await unlink(path);
}
