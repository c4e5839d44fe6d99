/**
 * The kubelet's way to change a volume's files all at once (pkg/volume/util/atomic_writer.go): each version
 * lies in a folder of its own with its time as name, `..data` points to it, and every visible name is a link
 * through `..data`. Here the plan is data, so that it costs one batch on the host.
 */
import type { FileOp } from '../../hosts/link/link.ts';
import type { Payload, PayloadFile } from './payload.ts';

/** What lies in the volume now, as farlet wrote it. */
export interface WrittenVersion {
  /** the folder `..data` points to */
  readonly folder: string;
  readonly names: readonly string[];
}

export interface AtomicPlan {
  readonly ops: readonly FileOp[];
  readonly version: WrittenVersion;
}

export interface AtomicInput {
  /** the volume's folder on the host; it exists */
  readonly path: string;
  readonly payload: Payload;
  readonly before: WrittenVersion | undefined;
  /** of the folder that is to hold it, not used before */
  readonly folder: string;
  /** group that owns all files, if the pod has one */
  readonly fsGroup: number | undefined;
  /** first names of folders in the volume that other volumes are mounted on: they hide files of their name */
  readonly nested: readonly string[];
}

export function planAtomicWrite(input: AtomicInput): AtomicPlan {
  const { path, payload, before, folder, fsGroup, nested } = input;
  const root = `${path}/${folder}`;
  const group = fsGroup === undefined ? {} : { uid: 0, gid: fsGroup };
  const folderMode = fsGroup === undefined ? 0o755 : 0o2755;
  const ops: FileOp[] = [{ op: 'mkdir', path: root, mode: folderMode, ...group }];
  for (const parent of parentsOf(payload))
    ops.push({ op: 'mkdir', path: `${root}/${parent}`, mode: folderMode, ...group });
  for (const [name, file] of payload) ops.push(fileOp(`${root}/${name}`, file, fsGroup));
  ops.push(
    { op: 'symlink', path: `${path}/..data_tmp`, target: folder },
    { op: 'rename', from: `${path}/..data_tmp`, to: `${path}/..data` },
  );
  const names = visibleNames(payload, nested);
  const known = before?.names ?? [];
  for (const name of names)
    if (!known.includes(name)) ops.push({ op: 'symlink', path: `${path}/${name}`, target: `..data/${name}` });
  for (const name of known) if (!names.includes(name)) ops.push({ op: 'remove', path: `${path}/${name}` });
  if (before !== undefined) ops.push({ op: 'remove-tree', path: `${path}/${before.folder}`, isFree: true });
  return { ops, version: { folder, names } };
}

/** The first names of its paths, which are links in the volume; what is mounted on one hides it. */
export function visibleNames(payload: Payload, nested: readonly string[]): string[] {
  const names = new Set([...payload.keys()].map((path) => path.split('/')[0] ?? path));
  return [...names].filter((name) => !nested.includes(name));
}

function fileOp(path: string, { data, mode, uid }: PayloadFile, fsGroup: number | undefined): FileOp {
  const withGroup = fsGroup === undefined ? mode : mode | 0o440;
  const owner = uid === undefined && fsGroup === undefined ? {} : { uid: uid ?? 0, gid: fsGroup ?? 0 };
  return { op: 'write', path, data, mode: withGroup, ...owner };
}

/** Every folder a payload needs, outermost first. */
function parentsOf(payload: Payload): string[] {
  const parents = new Set<string>();
  for (const name of payload.keys()) {
    const parts = name.split('/').slice(0, -1);
    for (let depth = 1; depth <= parts.length; depth += 1) parents.add(parts.slice(0, depth).join('/'));
  }
  return [...parents].sort((a, b) => a.length - b.length);
}
