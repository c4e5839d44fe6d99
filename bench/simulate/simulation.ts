/** The course of a simulation of one size. */
import { inspect } from 'node:util';
import type { Farlet } from '../../e2e/harness/farlet.ts';
import { eventually } from '../../e2e/harness/processes.ts';
import { systemClock } from '../../src/util/clock.ts';
import { NodePods } from '../node-pods.ts';
import { bare, plain } from '../pod-shapes.ts';
import { machineSeconds, memory } from '../process-usage.ts';
import { median } from '../stats.ts';
import { askProbe } from './ask-probe.ts';
import { startEnvironment, type Environment } from './environment.ts';
import { allSynced, delayQuantile, nothingYet, readFigures } from './farlet-figures.ts';
import type { Found, Restart } from './found.ts';
import { watchLeases, type LeaseGaps } from './lease-gaps.ts';
import { costOfScrape, look, lookFor, machineIdle, type Usage } from './look.ts';
import { createPods, watchPods, type ManyPods } from './many-pods.ts';
import type { SimulateOptions } from './options.ts';

const NAMESPACE = 'default';
/** what was begun with the last pods ends within this */
const REST_MS = 20_000;
const PROGRESS_MS = 30_000;
/** for all nodes to run, or all pods to be synced again: a minute, and so much for each */
const EACH_MS = 300;
/** a heartbeat that is late shows within this */
const AFTERWARDS_MS = 25_000;
/** that are not counted: code is compiled, caches fill */
const FIRST_STARTS = 3;

interface Course {
  readonly environment: Environment;
  readonly options: SimulateOptions;
  readonly hosts: number;
  readonly leases: LeaseGaps;
  readonly progress: (text: string) => void;
  readonly signal: AbortSignal;
}

export async function simulate(
  options: SimulateOptions,
  of: { hosts: number; progress: (text: string) => void; signal: AbortSignal },
): Promise<Found> {
  const { hosts, progress, signal } = of;
  const environment = await startEnvironment(options, of);
  try {
    const leases = watchLeases(environment.client, { signal });
    return await take({ environment, options, hosts, leases, progress, signal });
  } catch (error) {
    progress(environment.farlet.log());
    throw error;
  } finally {
    await environment.stop();
  }
}

async function take(course: Course): Promise<Found> {
  const { environment, options, hosts, leases, progress, signal } = course;
  const { seconds, idleSeconds, pods } = options;
  await allNodesRun(course);
  await systemClock.sleep(REST_MS, { signal });
  progress(`looking at farlet without pods for ${idleSeconds} s`);
  const idle = await lookFor(idleSeconds, environment, { leases, scrapes: false, signal });
  progress(inspect(idle));
  const watched = watchPods(environment.client, NAMESPACE, { signal });
  const [first = '', ...others] = environment.nodes;
  await createAll(course, watched, [first]);
  const amongFew = await timeStarts(course, { node: first, name: 'few' });
  await createAll(course, watched, others);
  await systemClock.sleep(REST_MS, { signal });
  progress(`looking at farlet with all pods for ${seconds} s`);
  const full = await lookFor(seconds, environment, { leases, scrapes: true, signal });
  progress(inspect(full));
  const scrape = await costOfScrape(environment, full.cpu);
  const amongAll = await timeStarts(course, { node: first, name: 'all' });
  const restart = await lookAtRestart(course);
  return { hosts, pods, idle, full, scrape, start: { amongFew, amongAll }, restart };
}

async function allNodesRun({ environment: { farlet }, hosts }: Course): Promise<void> {
  await eventually('all nodes to run', async () => (await readFigures(farlet.metricsUrl)).nodes >= hosts, {
    timeoutMs: 60_000 + hosts * EACH_MS,
    everyMs: 1_000,
  });
}

async function createAll(course: Course, pods: ManyPods, nodes: readonly string[]): Promise<void> {
  const { environment, options, progress, signal } = course;
  const { pods: each, tokens } = options;
  progress(`${each * nodes.length} pods`);
  const started = performance.now();
  const timer = setInterval(() => {
    progress(`${pods.count()} are Ready`);
  }, PROGRESS_MS);
  try {
    await createPods(environment.client, NAMESPACE, { nodes, each, tokens, pods, signal });
  } finally {
    clearInterval(timer);
  }
  progress(`all Ready after ${((performance.now() - started) / 1000).toFixed(1)} s`);
}

/** Median seconds of create → Ready: one pod after the other, each deleted before the next. */
async function timeStarts(
  { environment: { client }, options: { starts, tokens }, progress, signal }: Course,
  { node, name }: { node: string; name: string },
): Promise<number> {
  const life = new AbortController();
  const pods = new NodePods({
    ...{ client, node, shape: tokens ? plain : bare, namespace: NAMESPACE },
    signal: AbortSignal.any([signal, life.signal]),
  });
  const seconds: number[] = [];
  for (let count = 0; count < FIRST_STARTS + starts; count++) {
    const pod = `${name}-${count}`;
    const { createdAt, readyAt } = await pods.start(pod);
    if (count >= FIRST_STARTS) seconds.push((readyAt - createdAt) / 1000);
    await pods.delete(pod);
  }
  life.abort(new Error('all starts were timed'));
  progress(`one pod is Ready after ${(median(seconds) * 1000).toFixed(0)} ms`);
  return median(seconds);
}

async function listens(farlet: Farlet): Promise<void> {
  await eventually('farlet to listen', async () => (await fetch(farlet.healthUrl)).status > 0);
}

async function lookAtRestart(course: Course): Promise<Restart> {
  const { environment, options, hosts, leases, progress, signal } = course;
  const { farlet, proxy, probe } = environment;
  proxy.setDelay(options.apiLatencyMs / 2);
  progress(`farlet is ${options.profile === undefined ? 'killed' : 'stopped'} and started again`);
  const from = performance.now();
  const machineBefore = machineSeconds();
  await farlet.stop(options.profile === undefined ? 'SIGKILL' : 'SIGTERM');
  farlet.start();
  await listens(farlet);
  // its own code was loaded at once, when there was nothing that could wait
  await askProbe(probe);
  let seen: Usage | undefined;
  const synced = await eventually(
    'every pod to be synced once',
    async () => {
      seen = await look(environment);
      return allSynced(seen.figures, { ...options, hosts }) ? seen : undefined;
    },
    {
      timeoutMs: 60_000 + hosts * options.pods * EACH_MS,
      everyMs: 2_000,
      describe: () => Promise.resolve(inspect(seen?.figures)),
    },
  );
  progress(`all synced after ${((synced.at - from) / 1000).toFixed(1)} s`);
  await systemClock.sleep(AFTERWARDS_MS, { signal });
  const gap = leases.largest({ from, until: performance.now() });
  const { blockedMs } = await askProbe(probe);
  const { figures } = await look(environment);
  return {
    syncedAfter: (synced.at - from) / 1000,
    leaseGap: gap.seconds,
    leaseGapOf: gap.node,
    delayP99: delayQuantile(0.99, nothingYet, synced.figures),
    blocked: blockedMs / 1000,
    cpuSeconds: synced.cpu,
    rssMiB: memory(farlet.pid()).rssMiB,
    containers: figures.containers,
    machineIdle: machineIdle({ machine: machineBefore }, synced),
  };
}
