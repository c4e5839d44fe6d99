/** How much of the machine others use while something is measured: what counts is measured without them. */
import type { CpuGroup } from '../cpu-group.ts';
import { machineSeconds } from '../process-usage.ts';

/** Begins to look; returns what ends it and tells their share of all cores, 0 to 1. */
export function watchOthers({ usedMs }: Pick<CpuGroup, 'usedMs'>): () => number {
  const before = { ...machineSeconds(), own: usedMs() / 1000 };
  return () => othersShare(before, { ...machineSeconds(), own: usedMs() / 1000 });
}

/** Seconds of all cores together. */
interface Machine {
  readonly all: number;
  readonly idle: number;
  /** the bench's own */
  readonly own: number;
}

/** Pure. */
export function othersShare(before: Machine, after: Machine): number {
  const all = after.all - before.all;
  const busy = all - (after.idle - before.idle);
  // of so little that it is below the resolution of the clock that tells it, none is known
  return Math.max(0, busy - (after.own - before.own)) / Math.max(1e-9, all);
}
