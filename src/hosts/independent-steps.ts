/** Which steps of a batch may be done side by side where every system call is waited for. Pure. */
import type { FileOp } from './link.ts';

/** As many as libuv's thread pool has threads: more would only wait there, with their files open. */
const MOST_TOGETHER = 4;
const kinds: readonly FileOp['op'][] = ['write', 'symlink'];

/** The steps in order, in groups: files that follow each other, or links, each of another path, need not wait for each other. */
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
  return (
    kinds.includes(op.op) &&
    group.length < MOST_TOGETHER &&
    group.every((each) => each.op === op.op && pathOf(each) !== pathOf(op))
  );
}

function pathOf(op: FileOp): string {
  return op.op === 'rename' ? op.to : op.path;
}
