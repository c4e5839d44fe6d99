/** An OCI archive with one image that takes nothing but room: for hosts that are to run out of it. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { writeOciArchive } from './oci-archive.ts';
import { run } from './processes.ts';

/** Writes the archive; the image holds so many bytes that compress badly. */
export async function writeFillerImage(archive: string, name: string, bytes: number): Promise<void> {
  const work = mkdtempSync(`${tmpdir()}/farlet-filler-`);
  const layer = `${work}/layer.tar`;
  try {
    writeFileSync(`${work}/filler`, randomBytes(bytes));
    await run(['tar', '-cf', layer, '-C', work, 'filler']);
    await writeOciArchive(archive, [{ name, layers: [layer], config: {} }]);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
