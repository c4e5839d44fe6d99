/** An OCI archive with one image that takes nothing but room: for hosts that are to run out of it. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { run } from './processes.ts';

/** Writes the archive; the image holds so many bytes that compress badly. */
export async function writeFillerImage(archive: string, name: string, bytes: number): Promise<void> {
  const work = mkdtempSync(`${tmpdir()}/farlet-filler-`);
  const blobs = `${work}/oci/blobs/sha256`;
  mkdirSync(blobs, { recursive: true });
  const blob = (data: Buffer, mediaType: string): object => {
    const hash = createHash('sha256').update(data).digest('hex');
    writeFileSync(`${blobs}/${hash}`, data);
    return { mediaType, digest: `sha256:${hash}`, size: data.length };
  };
  const json = (value: object): Buffer => Buffer.from(JSON.stringify(value));
  try {
    writeFileSync(`${work}/filler`, randomBytes(bytes));
    await run(['tar', '-cf', `${work}/layer.tar`, '-C', work, 'filler']);
    const layer = readFileSync(`${work}/layer.tar`);
    const config = blob(
      json({
        architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
        os: 'linux',
        config: {},
        rootfs: {
          type: 'layers',
          diff_ids: [`sha256:${createHash('sha256').update(layer).digest('hex')}`],
        },
      }),
      'application/vnd.oci.image.config.v1+json',
    );
    const mediaType = 'application/vnd.oci.image.manifest.v1+json';
    const layers = [blob(layer, 'application/vnd.oci.image.layer.v1.tar')];
    const manifest = {
      ...blob(json({ schemaVersion: 2, mediaType, config, layers }), mediaType),
      annotations: { 'io.containerd.image.name': name },
    };
    writeFileSync(`${work}/oci/oci-layout`, JSON.stringify({ imageLayoutVersion: '1.0.0' }));
    writeFileSync(`${work}/oci/index.json`, JSON.stringify({ schemaVersion: 2, manifests: [manifest] }));
    await run(['tar', '-cf', archive, '-C', `${work}/oci`, '.']);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
