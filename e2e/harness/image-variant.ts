/** Another image of the same files: its configuration, and so its id, is another. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { imageArchive } from './cache.ts';
import type { TestHost } from './host.ts';
import { run } from './processes.ts';

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Unpacks the archive into a new folder, with no image in its index but the variant `name` of `from`. */
export async function unpackVariant(
  folder: string,
  { from, name }: { from: string; name: string },
): Promise<Descriptor> {
  mkdirSync(folder, { recursive: true });
  await run(['tar', '-xf', imageArchive(), '-C', folder]);
  const path = (digest: string): string => `${folder}/blobs/${digest.replace(':', '/')}`;
  const read = (file: string): unknown => JSON.parse(readFileSync(file, 'utf8'));
  const write = (mediaType: string, content: object): Descriptor => {
    const data = JSON.stringify(content);
    const digest = `sha256:${createHash('sha256').update(data).digest('hex')}`;
    writeFileSync(path(digest), data);
    return { mediaType, digest, size: Buffer.byteLength(data) };
  };
  const index = read(`${folder}/index.json`) as { manifests: Descriptor[] };
  const source = index.manifests.find(
    ({ annotations }) => annotations?.['io.containerd.image.name'] === from,
  );
  if (source === undefined) throw new Error(`${imageArchive()} has no image ${from}`);
  const manifest = read(path(source.digest)) as { config: Descriptor };
  const config = write(manifest.config.mediaType, {
    ...(read(path(manifest.config.digest)) as object),
    author: name,
  });
  const annotations = { 'io.containerd.image.name': name };
  const made = { ...write(source.mediaType, { ...manifest, config }), annotations };
  writeFileSync(`${folder}/index.json`, JSON.stringify({ ...index, manifests: [made] }));
  return made;
}

/** Gives a host the image `name`, made of `from`, one of those it has from the archive. */
export async function addImageVariant(
  host: Pick<TestHost, 'ctr' | 'folder' | 'root'>,
  image: { from: string; name: string },
): Promise<void> {
  const there = `${host.folder}/variant`;
  const work = `${host.root()}${there}`;
  rmSync(work, { recursive: true, force: true });
  await unpackVariant(work, image);
  await run(['tar', '-cf', `${work}.tar`, '-C', work, '.']);
  await host.ctr(['images', 'import', `${there}.tar`]);
  rmSync(work, { recursive: true });
  rmSync(`${work}.tar`);
}
