/** Readings of one host beside each other: when they were, and what processors did in between. */
import type { GroupLimits, GroupUse, HostUsage } from '../hosts/link/host-usage.ts';
import { CpuRates } from './cpu-rates.ts';
import type { Use } from './reading.ts';

/** Clocks that differ by more than answers do were set, or the host was asleep. */
const SET_MS = 1_000;

/** What each group of a reading uses, with its limits and how busy it is. */
export interface TimedUse {
  readonly at: number;
  get(path: string): Use | undefined;
}

export class HostSamples {
  readonly #rates = new CpuRates();
  /** by our clock, ms since the epoch, when the host's uptime was 0 */
  #origin: number | undefined;

  /**
   * When, by our clock, the host's uptime was this: two readings lie as far apart as they did on the host,
   * however long their answers took. `about`: when it was asked.
   */
  timeOf(uptime: number, about: number): number {
    const origin = about - uptime * 1000;
    if (this.#origin === undefined || Math.abs(origin - this.#origin) > SET_MS) this.#origin = origin;
    return Math.round(this.#origin + uptime * 1000);
  }

  take(
    { groups, machine }: Pick<HostUsage, 'groups' | 'machine'>,
    { at, limits }: { at: number; limits: ReadonlyMap<string, GroupLimits> },
  ): TimedUse {
    const nanos = [...groups].flatMap(([path, { cpuNanos }]): [string, number][] => {
      const used = cpuNanos ?? (path === '' ? machine.cpuNanos : undefined);
      return used === undefined ? [] : [[path, used]];
    });
    const rates = this.#rates.take(at, new Map(nanos));
    return {
      at,
      get: (path) => {
        const group: GroupUse | undefined = groups.get(path);
        return group === undefined
          ? undefined
          : { ...group, ...limits.get(path), at, nanoCores: rates.get(path) };
      },
    };
  }
}
