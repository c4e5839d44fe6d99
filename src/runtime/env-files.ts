/** Reads the files in volumes that a container's variables name (fileKeyRef, KEP-3721). */
import type { HostFiles } from '../hosts/link.ts';
import { FarletError } from '../model/errors.ts';
import { goQuote } from '../model/go-quote.ts';
import { textOfBytes } from '../model/go-string.ts';
import type { Container } from '../model/kube.ts';
import type { Fetched } from './env-entry.ts';
import type { VolumeSource } from './mounts.ts';

export interface EnvFile {
  /** on the host, for messages */
  readonly path: string;
  readonly text: string;
}

/** As the API server limits them, and more than any sane file. */
const maxBytes = 64 * 1024;

export function envFileKey({ volumeName, path }: { volumeName: string; path: string }): string {
  return `${volumeName}/${path}`;
}

/** By envFileKey; a file of a volume that the pod has not got is left out. */
export async function readEnvFiles(
  container: Container,
  { volumes, files }: { volumes: ReadonlyMap<string, VolumeSource>; files: HostFiles },
  { signal }: { signal: AbortSignal },
): Promise<ReadonlyMap<string, Fetched<EnvFile>>> {
  const refs = (container.env ?? []).flatMap(({ valueFrom }) => valueFrom?.fileKeyRef ?? []);
  const wanted = new Map(refs.map((ref) => [envFileKey(ref), ref]));
  const read = async (path: string, root: string): Promise<Fetched<EnvFile>> => {
    try {
      const file = await insideVolume(files, root, { path, signal });
      const text = textOfBytes(await files.readFile(file, { signal, maxBytes }));
      return { value: { path: file, text } };
    } catch (error) {
      signal.throwIfAborted();
      return { error };
    }
  };
  const found = [...wanted].flatMap(([key, { volumeName, path }]) => {
    const volume = volumes.get(volumeName);
    return volume === undefined ? [] : [{ key, path, root: volume.hostPath }];
  });
  return new Map(
    await Promise.all(
      found.map(async ({ key, path, root }): Promise<[string, Fetched<EnvFile>]> => [
        key,
        await read(path, root),
      ]),
    ),
  );
}

/** A pod may have put a link in its volume that leads anywhere on the host: none is followed. */
async function insideVolume(
  files: HostFiles,
  root: string,
  { path, signal }: { path: string; signal: AbortSignal },
): Promise<string> {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..'))
    throw new FarletError('forbidden', `the path ${goQuote(path)} of a FileKeyRef must not contain '..'`);
  const steps = parts.map((_, index) => `${root}/${parts.slice(0, index + 1).join('/')}`);
  const found = await Promise.all(steps.map((step) => files.stat(step, { signal })));
  if (found.some((info) => info?.type === 'symlink'))
    throw new FarletError('forbidden', `the path ${goQuote(path)} of a FileKeyRef has a symlink in it`);
  return steps.at(-1) ?? root;
}
