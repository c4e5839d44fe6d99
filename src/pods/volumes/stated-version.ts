/**
 * What an earlier run of farlet wrote into a volume, as its name tells: so that a restart neither asks for
 * thousands of tokens nor reads or writes anything (docs/adr/0035-told-by-names.md).
 */
import { isDeepStrictEqual } from 'node:util';
import type { HostFiles } from '../../hosts/link/link.ts';
import type { Pod, Volume } from '../../model/kube.ts';
import { MAX_TOKEN_AGE_MS } from '../../model/token-age.ts';
import { visibleNames, type WrittenVersion } from './atomic-writer.ts';
import { fetchPayload } from './fetch-payload.ts';
import { nestedNames } from './nested-mounts.ts';
import { openDigest } from './payload-digest.ts';
import { linkedNames } from './read-version.ts';
import type { PayloadContext } from './sources.ts';
import { statementOf } from './version-name.ts';

/** The version that `..data` names, if that says what is in it and all that was made for it is there. */
export async function readStatedVersion(
  files: HostFiles,
  { path, folder }: { readonly path: string; readonly folder: string | undefined },
  { signal }: { signal: AbortSignal },
): Promise<WrittenVersion | undefined> {
  if (folder === undefined || statementOf(folder) === undefined) return undefined;
  const entries = (await files.list(path, { signal })) ?? [];
  const isThere = entries.some(({ name, type }) => name === folder && type === 'directory');
  return isThere ? { folder, names: linkedNames(entries) } : undefined;
}

/**
 * Whether a version's name states just what the volume is to show now, every name is linked, and its tokens
 * serve still.
 * @returns undefined: it does not. `renewAt`, ms since the epoch: its tokens are to be renewed then
 */
export async function asStated(
  { folder, names }: WrittenVersion,
  { pod, name, volume }: { readonly pod: Pod; readonly name: string; readonly volume: Volume },
  { now, ...context }: PayloadContext & { readonly now: number },
): Promise<{ renewAt: number | undefined } | undefined> {
  const stated = statementOf(folder);
  if (stated === undefined) return undefined;
  const { sources } = context;
  const { payload, renewAt } = await fetchPayload(pod, volume, {
    ...context,
    sources: {
      configMap: (...asked) => sources.configMap(...asked),
      secret: (...asked) => sources.secret(...asked),
      token: () => Promise.resolve({ token: '', renewAt: stated.renewAt ?? -Infinity }),
    },
  });
  if (renewAt !== undefined && (renewAt <= now || renewAt > now + MAX_TOKEN_AGE_MS)) return undefined;
  if (openDigest(payload) !== stated.digest) return undefined;
  const linked = new Set(visibleNames(payload, nestedNames(pod, name)));
  return isDeepStrictEqual(linked, new Set(names)) ? { renewAt } : undefined;
}
