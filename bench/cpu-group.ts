/**
 * All that the bench and what it starts use of the CPU, by a cgroup of its own. Where other programs load the
 * machine, this says more than the clock does.
 */
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';

export interface CpuGroup {
  /** ms of CPU so far; NaN where the system doesn't tell */
  usedMs(): number;
  /** Leaves the group; it goes once nothing is in it. */
  close(): void;
}

/** Moves this process into a new group; what it starts from then on is in it too. */
export function joinCpuGroup(): CpuGroup {
  const mount = cgroup2Mount(readFileSync('/proc/self/mountinfo', 'utf8'));
  if (mount === undefined) return { usedMs: () => NaN, close: () => undefined };
  const folder = `${mount}/farlet-bench-${process.pid}`;
  try {
    mkdirSync(folder);
    writeFileSync(`${folder}/cgroup.procs`, String(process.pid));
  } catch {
    return { usedMs: () => NaN, close: () => undefined };
  }
  return {
    usedMs: () =>
      Number(/^usage_usec (\d+)$/m.exec(readFileSync(`${folder}/cpu.stat`, 'utf8'))?.[1] ?? NaN) / 1000,
    close: () => {
      try {
        writeFileSync(`${mount}/cgroup.procs`, String(process.pid));
        rmdirSync(folder);
      } catch {
        // a process of it still ends; an empty group costs nothing
      }
    },
  };
}

/** Pure. */
export function cgroup2Mount(mountinfo: string): string | undefined {
  const line = mountinfo.split('\n').find((each) => each.includes(' - cgroup2 '));
  return line?.split(' ')[4];
}
