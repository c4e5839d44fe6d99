/** Reads the files in volumes that a container's variables name (fileKeyRef, KEP-3721). */
import type { HostFiles } from '../../hosts/link/link.ts';
import { textOfBytes } from '../../model/go-string.ts';
import type { Container } from '../../model/kube.ts';
import type { Fetched } from './env-entry.ts';
import type { VolumeSource } from './mounts.ts';

export interface EnvFile {
  /** on the host, for messages */
  readonly path: string;
  readonly text: string;
}

/** More than any sane file: a pod's start waits for it. */
const maxBytes = 1024 * 1024;

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
      const text = textOfBytes(await files.readPodFile(root, path, { signal, maxBytes }));
      return { value: { path: `${root}/${path}`, text } };
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
