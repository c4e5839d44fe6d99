/** What farlet uses over a while, and how its loop fares meanwhile. */
import { systemClock } from '../../src/util/clock.ts';
import { median } from '../stats.ts';
import { cpuSeconds, machineSeconds, memory } from '../process-usage.ts';
import { askProbe } from './ask-probe.ts';
import type { Environment } from './environment.ts';
import { delayQuantile, readFigures, utilization, type FarletFigures } from './farlet-figures.ts';
import type { LeaseGaps } from './lease-gaps.ts';
import type { Scrape, Span } from './found.ts';

/** as often as Prometheus asks */
const SCRAPE_MS = 30_000;
const MEMORY_MS = 5_000;
const SCRAPES = 5;

/** At one moment, of farlet's process as it is now. */
export interface Usage {
  readonly at: number;
  readonly cpu: number;
  readonly machine: { readonly idle: number; readonly all: number };
  readonly figures: FarletFigures;
}

export async function look({ farlet }: Pick<Environment, 'farlet'>): Promise<Usage> {
  const figures = await readFigures(farlet.metricsUrl);
  return { at: performance.now(), cpu: cpuSeconds(farlet.pid()), machine: machineSeconds(), figures };
}

export function machineIdle(before: Pick<Usage, 'machine'>, after: Pick<Usage, 'machine'>): number {
  return (after.machine.idle - before.machine.idle) / (after.machine.all - before.machine.all);
}

/** `scrapes`: all metrics are asked for meanwhile, as Prometheus does. */
export async function lookFor(
  seconds: number,
  environment: Pick<Environment, 'farlet' | 'probe'>,
  { leases, scrapes, signal }: { leases: LeaseGaps; scrapes: boolean; signal: AbortSignal },
): Promise<Span> {
  const { farlet, probe } = environment;
  const before = await look(environment);
  await askProbe(probe);
  const end = before.at + seconds * 1000;
  const resident: number[] = [];
  let scrapeAt = before.at + SCRAPE_MS;
  for (let now = before.at; now < end; now = performance.now()) {
    await systemClock.sleep(Math.min(end - now, MEMORY_MS), { signal });
    resident.push(memory(farlet.pid()).rssMiB);
    if (!scrapes || performance.now() < scrapeAt) continue;
    scrapeAt += SCRAPE_MS;
    await readFigures(farlet.metricsUrl);
  }
  const seen = await askProbe(probe);
  // before the page is made, which is not of the while
  const cpu = cpuSeconds(farlet.pid());
  const at = performance.now();
  const after = await look(environment);
  return {
    seconds: (at - before.at) / 1000,
    utilization: utilization(before.figures, after.figures),
    delayP99: delayQuantile(0.99, before.figures, after.figures),
    blocked: seen.blockedMs / 1000,
    collected: seen.collectedMs / 1000,
    cpu: ((cpu - before.cpu) * 1000) / (at - before.at),
    rssMiB: median(resident),
    heapMiB: seen.heapMiB,
    outsideMiB: seen.outsideMiB,
    watches: after.figures.watches,
    leaseGap: leases.largest({ from: before.at, until: at }).seconds,
    machineIdle: machineIdle(before, after),
  };
}

/** What the loop works for one page of all metrics; `load`: CPU seconds a second that it works anyway. */
export async function costOfScrape(
  { farlet, probe }: Pick<Environment, 'farlet' | 'probe'>,
  load: number,
): Promise<Scrape> {
  const costs: number[] = [];
  let blocked = 0;
  let bytes = 0;
  for (let count = 0; count < SCRAPES; count++) {
    const before = await askProbe(probe);
    const started = performance.now();
    bytes = (await (await fetch(farlet.metricsUrl)).arrayBuffer()).byteLength;
    const after = await askProbe(probe);
    const took = performance.now() - started;
    costs.push(after.threadCpuMs - before.threadCpuMs - load * took);
    blocked = Math.max(blocked, after.blockedMs);
  }
  return { loop: median(costs) / 1000, blocked: blocked / 1000, bytes };
}
