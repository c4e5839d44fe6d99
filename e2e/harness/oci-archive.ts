/** An OCI archive of images that are made here, as `ctr images import` takes it. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { pipeline } from 'node:stream/promises';
import { run } from './processes.ts';

export interface ImageToWrite {
  readonly name: string;
  /** tar files, the lowest first */
  readonly layers: readonly string[];
  /** of the image's configuration: Env, Entrypoint, Cmd */
  readonly config: object;
}

interface Blob {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** Layers that images share are in it once. */
export async function writeOciArchive(archive: string, images: readonly ImageToWrite[]): Promise<void> {
  const work = await mkdtemp(`${tmpdir()}/farlet-images-`);
  const path = (digest: string): string => `${work}/blobs/${digest.replace(':', '/')}`;
  const json = async (value: object, mediaType: string): Promise<Blob> => {
    const data = Buffer.from(JSON.stringify(value));
    const digest = `sha256:${createHash('sha256').update(data).digest('hex')}`;
    await writeFile(path(digest), data);
    return { mediaType, digest, size: data.length };
  };
  const layers = new Map<string, Blob>();
  const layer = async (file: string): Promise<Blob> => {
    const known = layers.get(file);
    if (known !== undefined) return known;
    const digest = `sha256:${await hashOf(file)}`;
    await copyFile(file, path(digest));
    const { size } = await stat(file);
    const made = { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest, size };
    layers.set(file, made);
    return made;
  };
  try {
    await mkdir(`${work}/blobs/sha256`, { recursive: true });
    const manifests: object[] = [];
    for (const image of images) {
      const below: Blob[] = [];
      for (const file of image.layers) below.push(await layer(file));
      const config = await json(
        {
          architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
          os: 'linux',
          config: image.config,
          rootfs: { type: 'layers', diff_ids: below.map(({ digest }) => digest) },
        },
        'application/vnd.oci.image.config.v1+json',
      );
      const mediaType = 'application/vnd.oci.image.manifest.v1+json';
      const manifest = await json({ schemaVersion: 2, mediaType, config, layers: below }, mediaType);
      manifests.push({ ...manifest, annotations: { 'io.containerd.image.name': image.name } });
    }
    await writeFile(`${work}/oci-layout`, JSON.stringify({ imageLayoutVersion: '1.0.0' }));
    await writeFile(`${work}/index.json`, JSON.stringify({ schemaVersion: 2, manifests }));
    await run(['tar', '-cf', archive, '-C', work, 'blobs', 'oci-layout', 'index.json']);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function hashOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}
