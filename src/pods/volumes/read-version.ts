import type { DirEntry, HostFiles } from '../../hosts/link/link.ts';
import type { WrittenVersion } from './atomic-writer.ts';
import type { Payload, PayloadFile } from './payload.ts';

const MAX_FILE = 4 * 1024 * 1024;

/** The name of what an earlier run of farlet wrote into a volume, undefined if nothing. */
export function readVersionName(
  files: HostFiles,
  path: string,
  { signal }: { signal: AbortSignal },
): Promise<string | undefined> {
  return files.readLink(`${path}/..data`, { signal });
}

/** What is there of it, by that name. */
export async function readVersion(
  files: HostFiles,
  { path, folder }: { path: string; folder: string | undefined },
  { signal }: { signal: AbortSignal },
): Promise<WrittenVersion | undefined> {
  if (folder === undefined || !/^\.\.[^/]+$/.test(folder)) return undefined;
  return { folder, names: linkedNames((await files.list(path, { signal })) ?? []) };
}

/** The names that containers see, of all that is in the volume's folder. */
export function linkedNames(entries: readonly DirEntry[]): string[] {
  return entries
    .filter(({ name, type }) => type === 'symlink' && !name.startsWith('..'))
    .map(({ name }) => name);
}

/** What it wrote: so that a restart rewrites nothing that is unchanged. */
export async function readPayload(
  files: HostFiles,
  { path, version }: { path: string; version: WrittenVersion },
  { signal }: { signal: AbortSignal },
): Promise<Payload> {
  const payload = new Map<string, PayloadFile>();
  await readTree(files, { root: `${path}/${version.folder}`, below: '', payload }, signal);
  return payload;
}

async function readTree(
  files: HostFiles,
  at: { root: string; below: string; payload: Map<string, PayloadFile> },
  signal: AbortSignal,
): Promise<void> {
  const { root, below, payload } = at;
  const entries = (await files.list(`${root}${below === '' ? '' : `/${below}`}`, { signal })) ?? [];
  await Promise.all(
    entries.map(async ({ name, type }) => {
      const path = below === '' ? name : `${below}/${name}`;
      if (type === 'directory') await readTree(files, { ...at, below: path }, signal);
      else
        payload.set(path, {
          data: await files.readFile(`${root}/${path}`, { signal, maxBytes: MAX_FILE }),
          mode: 0,
        });
    }),
  );
}
