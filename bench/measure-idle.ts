/** What farlet costs while its pods run and nothing happens. */
import { setTimeout as delay } from 'node:timers/promises';
import { callsBetween, scrape } from './call-counts.ts';
import type { Environment } from './environment.ts';
import { numbered } from './node-pods.ts';
import type { BenchOptions } from './options.ts';
import { cpuSeconds, memory, type Memory } from './process-usage.ts';

export interface Idle extends Memory {
  readonly seconds: number;
  /** percent of one core */
  readonly cpuPercent: number;
  /** percent of one core of the host's containerd in the same time */
  readonly containerdPercent: number;
  readonly criCallsPerMinute: ReturnType<typeof callsBetween>;
  readonly apiCallsPerMinute: ReturnType<typeof callsBetween>;
}

/** events are sent, watches settle, the garbage of the burst is collected */
const SETTLE_MS = 20_000;

export async function measureIdle(
  env: Environment,
  { pods: count, idleSeconds }: Pick<BenchOptions, 'pods' | 'idleSeconds'>,
  progress: (step: string) => void,
): Promise<Idle> {
  const { farlet, pods, hostPid } = env;
  const names = numbered('idle', count);
  await pods.startAll(names);
  await delay(SETTLE_MS);
  progress(`idle with ${count} pods for ${idleSeconds} s`);
  const before = await scrape(farlet.metricsUrl);
  const pids = [farlet.pid(), hostPid];
  const cpu = pids.map(cpuSeconds);
  const began = performance.now();
  await delay(idleSeconds * 1000);
  const seconds = (performance.now() - began) / 1000;
  const [cpuPercent = NaN, containerdPercent = NaN] = pids.map(
    (pid, index) => ((cpuSeconds(pid) - (cpu[index] ?? NaN)) * 100) / seconds,
  );
  const used = memory(farlet.pid());
  const after = await scrape(farlet.metricsUrl);
  await pods.deleteAll(names);
  return {
    ...used,
    seconds,
    cpuPercent,
    containerdPercent,
    criCallsPerMinute: callsBetween(before.cri, after.cri, seconds / 60),
    apiCallsPerMinute: callsBetween(before.api, after.api, seconds / 60),
  };
}
