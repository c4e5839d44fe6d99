/**
 * One farlet over a hundred hosts: what relists cost, and how it comes back. `npm run simulate -- --help`.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { dirname } from 'node:path';
import { inspect } from 'node:util';
import type { Farlet } from '../e2e/harness/farlet.ts';
import { eventually } from '../e2e/harness/processes.ts';
import { systemClock } from '../src/util/clock.ts';
import { missing } from './environment.ts';
import { cpuSeconds, machineSeconds, memory } from './process-usage.ts';
import { startEnvironment, type Environment } from './simulate/environment.ts';
import {
  allSynced,
  delayQuantile,
  nothingYet,
  readFigures,
  utilization,
  type FarletFigures,
} from './simulate/farlet-figures.ts';
import { watchLeases, type LeaseGaps } from './simulate/lease-gaps.ts';
import { createPods, watchPods } from './simulate/many-pods.ts';
import { help, parseOptions, type SimulateOptions } from './simulate/options.ts';
import { report, type Found } from './simulate/report.ts';

const NAMESPACE = 'default';
/** what was begun with the last pods ends within this */
const REST_MS = 20_000;
/** as often as Prometheus asks */
const SCRAPE_MS = 30_000;
const PROGRESS_MS = 30_000;
/** for all nodes to run, or all pods to be synced again: a minute, and so much for each */
const EACH_MS = 300;
/** a heartbeat that is late shows within this */
const AFTERWARDS_MS = 25_000;

const log = (text: string): void => {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)}  ${text}\n`);
};

async function simulate(options: SimulateOptions, signal: AbortSignal): Promise<Found> {
  const environment = await startEnvironment(options, { signal, progress: log });
  try {
    const leases = watchLeases(environment.client, { signal });
    await startPods(environment, options, signal);
    await systemClock.sleep(REST_MS, { signal });
    log(`looking at farlet for ${options.seconds} s`);
    const relists = await lookAtRelists(environment, { leases, seconds: options.seconds, signal });
    log(inspect(relists));
    const restart = await lookAtRestart(environment, { leases, options, signal });
    return { relists, restart };
  } catch (error) {
    log(environment.farlet.log());
    throw error;
  } finally {
    await environment.stop();
  }
}

async function startPods(
  { client, farlet, nodes }: Environment,
  { hosts, pods, tokens }: SimulateOptions,
  signal: AbortSignal,
): Promise<void> {
  const all = hosts * pods;
  const watched = watchPods(client, NAMESPACE, { signal });
  await eventually('all nodes to run', async () => (await readFigures(farlet.metricsUrl)).nodes >= hosts, {
    timeoutMs: 60_000 + hosts * EACH_MS,
    everyMs: 1_000,
  });
  log(`${all} pods`);
  const started = performance.now();
  const progress = setInterval(() => {
    log(`${watched.count()} are Ready`);
  }, PROGRESS_MS);
  try {
    await createPods(client, NAMESPACE, { nodes, each: pods, tokens, pods: watched, signal });
  } finally {
    clearInterval(progress);
  }
  log(`all Ready after ${((performance.now() - started) / 1000).toFixed(1)} s`);
}

interface Usage {
  readonly at: number;
  readonly cpu: number;
  readonly machine: { readonly idle: number; readonly all: number };
  readonly figures: FarletFigures;
}

async function look(farlet: Farlet): Promise<Usage> {
  const figures = await readFigures(farlet.metricsUrl);
  return { at: performance.now(), cpu: cpuSeconds(farlet.pid()), machine: machineSeconds(), figures };
}

function machineIdle(before: Usage, after: Usage): number {
  return (after.machine.idle - before.machine.idle) / (after.machine.all - before.machine.all);
}

async function lookAtRelists(
  { farlet }: Environment,
  { leases, seconds, signal }: { leases: LeaseGaps; seconds: number; signal: AbortSignal },
): Promise<Found['relists']> {
  const before = await look(farlet);
  const end = before.at + seconds * 1000;
  for (let left = seconds * 1000; left > 0; left = end - performance.now()) {
    await systemClock.sleep(Math.min(left, SCRAPE_MS), { signal });
    if (end - performance.now() > SCRAPE_MS / 2) await readFigures(farlet.metricsUrl);
  }
  const after = await look(farlet);
  return {
    seconds: (after.at - before.at) / 1000,
    utilization: utilization(before.figures, after.figures),
    delayP99: delayQuantile(0.99, before.figures, after.figures),
    cpu: (after.cpu - before.cpu) / ((after.at - before.at) / 1000),
    rssMiB: memory(farlet.pid()).rssMiB,
    leaseGap: leases.largest({ from: before.at, until: after.at }).seconds,
    machineIdle: machineIdle(before, after),
  };
}

async function lookAtRestart(
  { farlet, proxy }: Environment,
  { leases, options, signal }: { leases: LeaseGaps; options: SimulateOptions; signal: AbortSignal },
): Promise<Found['restart']> {
  const { hosts, pods, tokens, apiLatencyMs, profile } = options;
  proxy.setDelay(apiLatencyMs / 2);
  log(`farlet is ${profile === undefined ? 'killed' : 'stopped'} and started again`);
  const from = performance.now();
  const machineBefore = machineSeconds();
  await farlet.stop(profile === undefined ? 'SIGKILL' : 'SIGTERM');
  farlet.start();
  let seen: Usage | undefined;
  const synced = await eventually(
    'every pod to be synced once',
    async () => {
      seen = await look(farlet);
      return allSynced(seen.figures, { hosts, pods, tokens }) ? seen : undefined;
    },
    {
      timeoutMs: 60_000 + hosts * pods * EACH_MS,
      everyMs: 2_000,
      describe: () => Promise.resolve(inspect(seen?.figures)),
    },
  );
  log(`all synced after ${((synced.at - from) / 1000).toFixed(1)} s`);
  await systemClock.sleep(AFTERWARDS_MS, { signal });
  const gap = leases.largest({ from, until: performance.now() });
  const before: Usage = { at: from, cpu: 0, machine: machineBefore, figures: nothingYet };
  const { figures } = await look(farlet);
  return {
    syncedAfter: (synced.at - from) / 1000,
    leaseGap: gap.seconds,
    leaseGapOf: gap.node,
    delayP99: delayQuantile(0.99, nothingYet, synced.figures),
    cpuSeconds: synced.cpu,
    rssMiB: memory(farlet.pid()).rssMiB,
    containers: figures.containers,
    machineIdle: machineIdle(before, synced),
  };
}

const command = parseOptions(process.argv.slice(2));
if (command.kind === 'help') process.stdout.write(help);
else {
  const { options } = command;
  const problems = await missing('2');
  if (problems.length > 0) throw new Error(problems.join('\n'));
  const life = new AbortController();
  // what was started ends with this process, by its 'exit'
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => process.exit(1));
  const found = await simulate(options, life.signal).finally(() => {
    life.abort(new Error('the simulation is over'));
  });
  const { text, passed } = report(found);
  const machine = `${cpus().length} cores, load ${loadavg()[0]?.toFixed(1) ?? '?'}; fake runtimes and control plane run on them as well`;
  process.stdout.write(
    `\n${options.hosts} hosts without container events, ${options.pods} pods each; ${machine}\n\n${text}\n`,
  );
  if (options.json !== undefined) {
    mkdirSync(dirname(options.json), { recursive: true });
    writeFileSync(options.json, JSON.stringify({ options, found }, undefined, 2));
  }
  process.exit(passed ? 0 : 1);
}
