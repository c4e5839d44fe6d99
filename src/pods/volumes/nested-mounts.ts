import { podContainers } from '../../model/containers.ts';
import { FarletError } from '../../model/errors.ts';
import type { Pod } from '../../model/kube.ts';

/**
 * Folders, relative to the volume, that other volumes are mounted on in some container: the volume is
 * read-only there, so that they must exist before (pkg/volume/util/nested_volumes.go). Pure.
 */
export function nestedMountPoints(pod: Pod, volume: string): string[] {
  const found = new Set<string>();
  for (const { spec } of podContainers(pod)) {
    const all = (spec.volumeMounts ?? []).map(({ mountPath }) => normalized(mountPath)).sort();
    for (const { name, mountPath } of spec.volumeMounts ?? []) {
      if (name !== volume) continue;
      const own = normalized(mountPath);
      if (own === '..' || own.startsWith('../'))
        throw new FarletError('invalid', `invalid container mount point ${own}`);
      const outer: string[] = [];
      for (const point of all) {
        if (!point.startsWith(`${own}/`) || outer.some((each) => point.startsWith(`${each}/`))) continue;
        outer.push(point);
        found.add(point.slice(own.length + 1));
      }
    }
  }
  return [...found].sort();
}

/** The first names of those folders: what the volume shows of the same name is hidden. */
export function nestedNames(pod: Pod, volume: string): string[] {
  return nestedMountPoints(pod, volume).map((folder) => folder.split('/')[0] ?? folder);
}

/** filepath.Clean. */
function normalized(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..' && parts.length > 0 && parts.at(-1) !== '..') parts.pop();
    else if (part !== '..' || !path.startsWith('/')) parts.push(part);
  }
  return `${path.startsWith('/') ? '/' : ''}${parts.join('/')}`;
}
