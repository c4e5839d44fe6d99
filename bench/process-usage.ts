/** What a process uses, and how idle the machine is, from /proc. */
import { readFileSync } from 'node:fs';

/** ticks a second of /proc: USER_HZ, 100 on every Linux port that farlet runs on */
const HZ = 100;

/** Seconds of CPU that the process has used so far, in user and kernel. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // the name in parentheses may hold blanks
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / HZ;
}

export interface Memory {
  readonly rssMiB: number;
  /** the most it ever was */
  readonly peakMiB: number;
}

export function memory(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const mib = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? NaN) / 1024;
  return { rssMiB: mib('VmRSS'), peakMiB: mib('VmHWM') };
}

/**
 * MiB of the process in memory, where a page that others have as well counts as its part. NaN for one that
 * has ended.
 */
export function proportionalMiB(pid: number): number {
  try {
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    return Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1] ?? NaN) / 1024;
  } catch {
    return NaN;
  }
}

/** Seconds of all cores together since boot: idle, and in all. */
export function machineSeconds(): { idle: number; all: number } {
  const line = readFileSync('/proc/stat', 'utf8').split('\n')[0] ?? '';
  const ticks = line.split(/\s+/).slice(1, 9).map(Number);
  const [, , , idle = 0, iowait = 0] = ticks;
  return { idle: (idle + iowait) / HZ, all: ticks.reduce((sum, each) => sum + each, 0) / HZ };
}
