import type { FileOp } from './link.ts';

/** The path that a step is about. */
export function pathOf(op: FileOp): string {
  return op.op === 'rename' ? op.from : op.path;
}
