/** Which control groups are whose. Pure. */

/**
 * Where runtimes put a container that they are told no parent for (containerd's namespace k8s.io, CRI-O), by
 * both drivers.
 */
export function usualGroups(id: string): string[] {
  return [
    `/k8s.io/${id}`,
    `/${id}`,
    `/system.slice/cri-containerd-${id}.scope`,
    `/system.slice/crio-${id}.scope`,
    `/crio/crio-${id}`,
  ];
}

/** Ids and paths that are no words of the host's own are never asked of it. */
export function isPlainId(id: string): boolean {
  return /^[A-Za-z0-9]{1,128}$/.test(id);
}

export function isPlainPath(path: string): boolean {
  return /^(\/[A-Za-z0-9._:@-]+)+$/.test(path) && !path.split('/').includes('..');
}

/**
 * Groups by the id that their last part ends in: `<id>`, `cri-containerd-<id>.scope`, `kata_<id>`. Of several
 * the first counts.
 */
export function groupsById(paths: Iterable<string>): Map<string, string> {
  const found = new Map<string, string>();
  for (const path of paths) {
    const last = path.slice(path.lastIndexOf('/') + 1).replace(/\.scope$/, '');
    const id = last.slice(Math.max(last.lastIndexOf('-'), last.lastIndexOf('_')) + 1);
    if (id !== '' && !found.has(id)) found.set(id, path);
  }
  return found;
}
