/** How a host's control groups are mounted, read through its link. */
import type { HostFiles } from '../../hosts/link/link.ts';

/** Folders of /sys/fs/cgroup: one hierarchy for all (v2), or one for each controller (v1). */
export type CgroupLayout =
  /** `controllers`: those that the root offers */
  | { readonly version: 2; readonly controllers: readonly string[] }
  /** `controllers`: the folders there are */
  | { readonly version: 1; readonly controllers: readonly string[] };

export const cgroupMount = '/sys/fs/cgroup';
const maxBytes = 4096;

export async function readCgroupLayout(
  files: Pick<HostFiles, 'list' | 'stat' | 'readFile'>,
  { signal }: { signal: AbortSignal },
): Promise<CgroupLayout> {
  const unified = `${cgroupMount}/cgroup.controllers`;
  const [found, folders] = await Promise.all([
    files.stat(unified, { signal }),
    files.list(cgroupMount, { signal }),
  ]);
  if (found !== undefined) {
    const text = (await files.readFile(unified, { signal, maxBytes })).toString();
    return { version: 2, controllers: text.split(/\s+/).filter((name) => name !== '') };
  }
  return {
    version: 1,
    // a v2 mount beside the controllers counts: it has no limits, but runtimes make groups there as well
    controllers: (folders ?? [])
      .filter(({ type }) => type === 'directory' || type === 'symlink')
      .map(({ name }) => name),
  };
}
