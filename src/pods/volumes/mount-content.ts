import type { MountEntry } from '../../hosts/link/link.ts';

/** Which file system and which part of it a path shows: the last mount that covers it tells. Pure. */
export function mountContent(
  mounts: readonly MountEntry[],
  realPath: string,
): { readonly device: string; readonly root: string } | undefined {
  const covering = mounts
    .filter(({ path }) => path === '/' || realPath === path || realPath.startsWith(`${path}/`))
    .reduce<MountEntry | undefined>(
      (deepest, each) => (deepest === undefined || each.path.length >= deepest.path.length ? each : deepest),
      undefined,
    );
  if (covering === undefined) return undefined;
  const below = realPath.slice(covering.path === '/' ? 0 : covering.path.length);
  const root = `${covering.root === '/' ? '' : covering.root}${below === '/' ? '' : below}`;
  return { device: covering.device, root: root === '' ? '/' : root };
}
