import type { MountEntry } from '../../hosts/link/link.ts';
import { mountContent } from './mount-content.ts';

/**
 * Whether what is mounted at `target` is a part of what lies at and below `realRoot`, whose links are
 * resolved: the same file system, and a folder or file below the root's; or a part of what is mounted below
 * the root. Pure.
 */
export function showsPartOf(
  mounts: readonly MountEntry[],
  { target, realRoot }: { target: string; realRoot: string },
): boolean {
  const shown = mounts.findLast(({ path }) => path === target);
  if (shown === undefined) return false;
  const below = realRoot === '/' ? '/' : `${realRoot}/`;
  const own = mountContent(mounts, realRoot);
  const allowed = [
    ...(own === undefined ? [] : [own]),
    ...mounts.filter(({ path }) => path !== target && path.startsWith(below)),
  ];
  return allowed.some(({ device, root }) => device === shown.device && isAtOrBelow(shown.root, root));
}

function isAtOrBelow(path: string, root: string): boolean {
  return root === '/' || path === root || path.startsWith(`${root}/`);
}
