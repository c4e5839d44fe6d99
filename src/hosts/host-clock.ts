/** How far a host's clock is from ours: its containers' times are by its own. */
import type { Clock } from '../util/clock.ts';
import type { HostFiles } from './link/link.ts';

/** Within this, clocks are the same: the way there takes time, and the kernel tells whole seconds. */
const SAME_MS = 5_000;
const MAX_BYTES = 4 * 1024 * 1024;

/**
 * ms by which the host's clock is ahead, from its /proc/stat (when it booted, by its clock) and /proc/uptime.
 * A difference to what was known that is no more than the error of the measurement changes nothing. Pure.
 */
export function clockOffsetMs(seen: {
  readonly stat: string;
  readonly uptime: string;
  readonly now: number;
  readonly known: number;
}): number {
  const booted = /^btime (\d+)$/m.exec(seen.stat)?.[1];
  const up = /^(\d+(?:\.\d+)?) /.exec(seen.uptime)?.[1];
  if (booted === undefined || up === undefined) return seen.known;
  const offset = Math.round((Number(booted) + Number(up)) * 1000 - seen.now);
  if (Math.abs(offset - seen.known) <= SAME_MS) return seen.known;
  return Math.abs(offset) <= SAME_MS ? 0 : offset;
}

/** One round trip. Rejects if the host can't be asked. */
export async function readClockOffset(
  files: Pick<HostFiles, 'readFile'>,
  { clock, known, signal }: { clock: Pick<Clock, 'now'>; known: number; signal: AbortSignal },
): Promise<number> {
  const sent = clock.now();
  const [stat, uptime] = await Promise.all(
    ['/proc/stat', '/proc/uptime'].map((path) => files.readFile(path, { signal, maxBytes: MAX_BYTES })),
  );
  const now = (sent + clock.now()) / 2;
  return clockOffsetMs({ stat: String(stat), uptime: String(uptime), now, known });
}
