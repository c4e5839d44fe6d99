/**
 * Pure: what to do with the files of a container's log that has grown too large
 * (pkg/kubelet/logs/container_log_manager.go).
 */
import type { FileOp } from '../../hosts/link/link.ts';

export const compressedSuffix = '.gz';
const temporary = '.tmp';

export interface RotationPlan {
  /** leaves the log's own name free; done in order, all or nothing of what follows a failure */
  readonly ops: readonly FileOp[];
  /** takes the last step back, for a runtime that does not reopen the log */
  readonly undo: FileOp;
}

/**
 * Of the rotated files at most `maxFiles` - 2 stay, the oldest go; what earlier rotations left unfinished
 * goes; all that is left is compressed; then the log itself is set aside under a name with the time. So
 * besides the log that the runtime begins again one rotated file is plain, for readers that are not through
 * with it.
 */
export function planRotation(
  path: string,
  { files, maxFiles, now }: { files: readonly string[]; maxFiles: number; now: number },
): RotationPlan {
  const folder = path.slice(0, path.lastIndexOf('/'));
  const log = path.slice(folder.length + 1);
  const rotated = files.filter((name) => name.startsWith(`${log}.`)).sort();
  const used = rotatedNames(log, rotated);
  const excess = Math.max(0, used.length - Math.max(0, maxFiles - 2));
  const inUse = new Set(used);
  const gone = [...rotated.filter((name) => !inUse.has(name)), ...used.slice(0, excess)];
  const aside = `${path}.${timestamp(now)}`;
  return {
    ops: [
      ...gone.map((name): FileOp => ({ op: 'remove', path: `${folder}/${name}` })),
      ...used
        .slice(excess)
        .filter((name) => !name.endsWith(compressedSuffix))
        .map((name): FileOp => ({ op: 'gzip', path: `${folder}/${name}` })),
      { op: 'rename', from: path, to: aside },
    ],
    undo: { op: 'rename', from: aside, to: path },
  };
}

/** Of the files beside a log those that it was rotated to, the oldest first. */
export function rotatedNames(log: string, files: readonly string[]): string[] {
  const rotated = new Set(files.filter((name) => name.startsWith(`${log}.`)).sort());
  return [...rotated].filter((name) => isInUse(name, rotated));
}

/** A temporary file, or one whose compressed twin is there, is what a rotation that broke off left behind. */
function isInUse(name: string, all: ReadonlySet<string>): boolean {
  if (name.endsWith(temporary)) return false;
  return name.endsWith(compressedSuffix) || !all.has(`${name}${compressedSuffix}`);
}

/** 20060102-150405, in UTC. */
function timestamp(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
}
