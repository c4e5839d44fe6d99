/** Which steps of a batch may be done side by side where every system call is waited for. Pure. */
import type { FileOp } from '../link/link.ts';

/** More would keep others from the threads that wait for files, and keep their own files open meanwhile. */
const MOST_TOGETHER = 4;

/**
 * The steps in order, in groups: files that follow each other, or links, each of another path, need not wait
 * for each other.
 */
export function independentSteps(ops: readonly FileOp[]): FileOp[][] {
  const groups: FileOp[][] = [];
  for (const op of ops) {
    const group = groups.at(-1);
    if (group !== undefined && joins(op, group)) group.push(op);
    else groups.push([op]);
  }
  return groups;
}

function joins(op: FileOp, group: readonly FileOp[]): boolean {
  if (!isIndependent(op)) return false;
  return (
    group.length < MOST_TOGETHER &&
    group.every((each) => isIndependent(each) && each.op === op.op && each.path !== op.path)
  );
}

function isIndependent(op: FileOp): op is FileOp & { op: 'write' | 'symlink' } {
  return op.op === 'write' || op.op === 'symlink';
}
