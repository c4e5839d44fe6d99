/** Many pods at once: in each round a burst of the floor at every width, and one of farlet beside each. */
import { setTimeout as delay } from 'node:timers/promises';
import { callsBetween, scrape } from './call-counts.ts';
import type { Environment } from './environment.ts';
import { numbered } from './node-pods.ts';
import type { BenchOptions } from './options.ts';
import { cpuSeconds, machineSeconds } from './process-usage.ts';
import { summary } from './stats.ts';

export interface Burst {
  readonly podsPerSecond: number;
  readonly deletesPerSecond: number;
  /** share of the machine that nothing used while pods started, 0 to 1 */
  readonly idleShare: number;
  /** ms of CPU a pod took to start: of everything the bench runs, API server and runtime included */
  readonly wholeCpuMsPerPod: number;
}

export interface FarletBurst extends Burst {
  /** ms of CPU that farlet used per pod until the last was Ready */
  readonly cpuMsPerPod: number;
  readonly criCalls: ReturnType<typeof callsBetween>;
  readonly apiCalls: ReturnType<typeof callsBetween>;
}

export interface Bursts {
  readonly floor: readonly { readonly width: number; readonly bursts: readonly Burst[] }[];
  readonly farlet: readonly FarletBurst[];
}

/** farlet records events one after the other: the last are sent after the pods are Ready. */
const SETTLE_MS = 3_000;

export async function measureBursts(
  env: Environment,
  { pods, rounds, widths }: Pick<BenchOptions, 'pods' | 'rounds' | 'widths'>,
  progress: (step: string) => void,
): Promise<Bursts> {
  const floor = widths.map((width) => ({ width, bursts: [] as Burst[] }));
  const farlet: FarletBurst[] = [];
  for (let round = 0; round < rounds; round += 1) {
    for (const at of floor) {
      const names = numbered(`r${round}w${at.width}`, pods);
      const takeTurns = [
        async () => at.bursts.push(await burstOf(env, names, at.width)),
        async () => farlet.push(await farletBurst(env, names)),
      ];
      for (const take of round % 2 === 0 ? takeTurns : takeTurns.reverse()) await take();
      progress(
        `round ${round + 1}: floor at ${at.width}: ${at.bursts.at(-1)?.podsPerSecond.toFixed(2)} pods/s, farlet: ${farlet.at(-1)?.podsPerSecond.toFixed(2)} pods/s`,
      );
    }
  }
  return { floor, farlet };
}

/** The width at which the floor's median is highest. */
export function bestWidth(floor: Bursts['floor']): Bursts['floor'][number] {
  const medianOf = ({ bursts }: Bursts['floor'][number]): number =>
    summary(bursts.map(({ podsPerSecond }) => podsPerSecond)).median;
  const [best] = [...floor].sort((a, b) => medianOf(b) - medianOf(a));
  if (best === undefined) throw new Error('the floor was not measured at any width');
  return best;
}

/** A burst of the floor. */
export async function burstOf(
  env: Pick<Environment, 'raw' | 'template' | 'cpu'>,
  names: readonly string[],
  width: number,
): Promise<Burst> {
  const began = performance.now();
  const machine = machineSeconds();
  const whole = env.cpu.usedMs();
  const started = await inParallel(names, width, (name) => env.raw.startPod(env.template(name)));
  const readyAt = performance.now();
  const idleShare = idleSince(machine);
  const wholeCpuMsPerPod = (env.cpu.usedMs() - whole) / names.length;
  for (const pod of started) await env.raw.assertRunning(pod);
  const deleting = performance.now();
  await inParallel(started, width, (pod) => env.raw.deletePod(pod));
  return {
    podsPerSecond: perSecond(names, readyAt - began),
    deletesPerSecond: perSecond(names, performance.now() - deleting),
    idleShare,
    wholeCpuMsPerPod,
  };
}

async function farletBurst(env: Environment, names: readonly string[]): Promise<FarletBurst> {
  const { farlet, pods } = env;
  const before = await scrape(farlet.metricsUrl);
  const machine = machineSeconds();
  const whole = env.cpu.usedMs();
  const cpu = cpuSeconds(farlet.pid());
  const readyMs = await pods.startAll(names);
  const idleShare = idleSince(machine);
  const cpuMsPerPod = ((cpuSeconds(farlet.pid()) - cpu) * 1000) / names.length;
  const wholeCpuMsPerPod = (env.cpu.usedMs() - whole) / names.length;
  await delay(SETTLE_MS);
  const after = await scrape(farlet.metricsUrl);
  return {
    podsPerSecond: perSecond(names, readyMs),
    deletesPerSecond: perSecond(names, await pods.deleteAll(names)),
    idleShare,
    wholeCpuMsPerPod,
    cpuMsPerPod,
    criCalls: callsBetween(before.cri, after.cri, names.length),
    apiCalls: callsBetween(before.api, after.api, names.length),
  };
}

export function perSecond(of: readonly unknown[], ms: number): number {
  return (of.length * 1000) / ms;
}

function idleSince(before: ReturnType<typeof machineSeconds>): number {
  const after = machineSeconds();
  return (after.idle - before.idle) / Math.max(1e-9, after.all - before.all);
}

async function inParallel<T, R>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const waiting = [...items];
  const lane = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift())
      results.push(await work(item));
  };
  await Promise.all(Array.from({ length: width }, lane));
  return results;
}
