/**
 * All that the bench and what it starts use of the CPU, by a cgroup of its own. Where other programs load the
 * machine, this says more than the clock does.
 */
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';

export interface CpuGroup {
  /** ms of CPU so far; NaN where the system doesn't tell */
  usedMs(): number;
  /**
   * Moves a process that was started into a group within this one, with what it starts from then on: what it
   * uses is told apart, whoever does its work. Throws where the system has no such groups.
   */
  part(name: string, pid: number): CpuPart;
  /** Leaves the group; it goes once nothing is in it. */
  close(): void;
}

export interface CpuPart {
  /** ms of CPU so far, of processes that have ended as well */
  usedMs(): number;
  /** of what runs in it now */
  pids(): number[];
}

/** Moves this process into a new group; what it starts from then on is in it too. */
export function joinCpuGroup(): CpuGroup {
  const mount = cgroup2Mount(readFileSync('/proc/self/mountinfo', 'utf8'));
  if (mount === undefined) return noGroup;
  const folder = `${mount}/farlet-bench-${process.pid}`;
  try {
    mkdirSync(folder);
    writeFileSync(`${folder}/cgroup.procs`, String(process.pid));
  } catch {
    return noGroup;
  }
  const parts: string[] = [];
  return {
    usedMs: () => usedMs(folder),
    part: (name, pid) => {
      const within = `${folder}/${name}`;
      mkdirSync(within);
      parts.push(within);
      writeFileSync(`${within}/cgroup.procs`, String(pid));
      return {
        usedMs: () => usedMs(within),
        pids: () => readFileSync(`${within}/cgroup.procs`, 'utf8').trim().split('\n').map(Number),
      };
    },
    close: () => {
      try {
        writeFileSync(`${mount}/cgroup.procs`, String(process.pid));
        for (const each of [...parts, folder]) rmdirSync(each);
      } catch {
        // a process of it still ends; an empty group costs nothing
      }
    },
  };
}

const noGroup: CpuGroup = {
  usedMs: () => NaN,
  part: () => {
    throw new Error('there is no cgroup2 mount to make a group in');
  },
  close: () => undefined,
};

function usedMs(folder: string): number {
  return Number(/^usage_usec (\d+)$/m.exec(readFileSync(`${folder}/cpu.stat`, 'utf8'))?.[1] ?? NaN) / 1000;
}

/** Pure. */
export function cgroup2Mount(mountinfo: string): string | undefined {
  const line = mountinfo.split('\n').find((each) => each.includes(' - cgroup2 '));
  return line?.split(' ')[4];
}
