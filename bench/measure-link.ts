/**
 * What distance costs: the same on a link that delays by nothing, a little and much. What grows with it are
 * round trips.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { kubernetes } from '../e2e/harness/cache.ts';
import type { LinkEnvironment } from './link-environment.ts';
import { numbered, type Singles } from './node-pods.ts';
import type { BenchOptions } from './options.ts';
import { median } from './stats.ts';

/** ms each way */
const DELAYS = [0, 20, 100] as const;
const WARM_UP = 3;
const SETTLE_MS = 15_000;
/** Until farlet knows how far the host is: by the shortest way of the last minute. Real ones don't move. */
const KNOWN_MS = 70_000;
const LINES = 12;
const BURST = 40;
const BURSTS = 3;
const LOG_POD = 'says-much';
/** as most lines are: some eighty letters */
const LOG_LINE = 'x'.repeat(87);
/** Of a log that is read whole, some 128 MiB: runtimes keep a line that has not ended to themselves. */
const LOG_LINES = 1_525_201;
const LOG_BYTES = LOG_LINES * (LOG_LINE.length + 1);
const SAY_MUCH = `yes ${LOG_LINE} | head -n ${String(LOG_LINES)} >/proc/1/fd/1`;
/** Prints the machine's uptime, in hundredths of a second, a few times a second. */
const CLOCK = `i=0; while [ $i -lt ${LINES} ]; do cut -d " " -f 1 /proc/uptime; i=$((i + 1)); usleep 330000; done`;

export interface AtDelay extends Singles {
  /** ms each way */
  readonly delayMs: number;
  /** ms from the first of 40 create calls to the last Ready */
  readonly bursts: readonly number[];
  /** ms from a line's being written to its being read, of a log that is followed */
  readonly logLines: readonly number[];
  readonly execLines: readonly number[];
  /** ms from the call to the first output */
  readonly execStarts: readonly number[];
  /** MB/s of `kubectl logs` of a log of 128 MiB */
  readonly logRate: number;
}

export interface LinkResults {
  readonly delays: readonly AtDelay[];
  readonly idle: {
    readonly seconds: number;
    readonly messages: number;
    readonly bytes: number;
  };
}

/**
 * Sequential round trips: how much longer it takes, in units of what a round trip was made longer by. Pure.
 */
export function roundTrips(near: readonly number[], far: readonly number[], delayMs: number): number {
  return (median(far) - median(near)) / (2 * delayMs);
}

export async function measureLink(
  env: LinkEnvironment,
  { samples, idleSeconds }: Pick<BenchOptions, 'samples' | 'idleSeconds'>,
  progress: (step: string) => void,
): Promise<LinkResults> {
  const delays: AtDelay[] = [];
  await env.pods.start(LOG_POD);
  await follow(env, ['exec', LOG_POD, '--', 'sh', '-c', SAY_MUCH]);
  progress('a large log');
  for (const delayMs of DELAYS) {
    env.proxy.setDelay(delayMs);
    if (delayMs > 0) await pause(KNOWN_MS);
    const one = await measurePods(env, { delayMs, samples });
    const bursts = await measureBursts(env, delayMs);
    const logRate = await measureLog(env);
    delays.push({ delayMs, ...one, bursts, logRate, ...(await measureStreams(env, delayMs)) });
    progress(`${samples} pods, ${BURSTS} bursts, logs and exec at ${delayMs} ms each way`);
  }
  env.proxy.setDelay(DELAYS[1]);
  await env.pods.start('idle');
  await pause(SETTLE_MS);
  const before = env.proxy.traffic();
  await pause(idleSeconds * 1000);
  const after = env.proxy.traffic();
  progress(`${idleSeconds} s of nothing`);
  return {
    delays,
    idle: {
      seconds: idleSeconds,
      messages: after.messages - before.messages,
      bytes: after.bytesThere - before.bytesThere + after.bytesBack - before.bytesBack,
    },
  };
}

/** One pod at a time, after some that are not counted. */
async function measurePods(
  { pods }: LinkEnvironment,
  { delayMs, samples }: { delayMs: number; samples: number },
): Promise<Singles> {
  await pods.oneAtATime(numbered(`far-${delayMs}-first`, WARM_UP));
  return pods.oneAtATime(numbered(`far-${delayMs}`, samples));
}

async function measureBursts({ pods }: LinkEnvironment, delayMs: number): Promise<number[]> {
  const bursts: number[] = [];
  for (let turn = 0; turn < BURSTS; turn += 1) {
    const names = numbered(`burst-${delayMs}-${turn}`, BURST);
    bursts.push(await pods.startAll(names));
    await pods.deleteAll(names);
  }
  return bursts;
}

async function measureStreams(
  env: LinkEnvironment,
  delayMs: number,
): Promise<Pick<AtDelay, 'logLines' | 'execLines' | 'execStarts'>> {
  const name = `talks-${String(delayMs)}`;
  await env.pods.start(name);
  const execLines: number[] = [];
  const execStarts: number[] = [];
  for (let at = 0; at < 4; at += 1) {
    const { lines, firstMs } = await follow(env, ['exec', name, '--', 'sh', '-c', CLOCK]);
    execLines.push(...lines);
    execStarts.push(firstMs);
  }
  const logging = follow(env, ['logs', '-f', '--tail=0', name], LINES);
  await pause(1_500);
  await follow(env, ['exec', name, '--', 'sh', '-c', `(${CLOCK}; ${CLOCK}) >/proc/1/fd/1`]);
  const { lines: logLines } = await logging;
  await env.pods.delete(name);
  return { execLines, execStarts, logLines };
}

/** MB/s of a large log from its beginning to its end. */
async function measureLog({ plane }: LinkEnvironment): Promise<number> {
  const began = performance.now();
  const [file, ...words] = kubernetes('kubectl');
  const args = [...words, `--kubeconfig=${plane.kubeconfig}`, 'logs', LOG_POD];
  const child = spawn(file ?? '', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let bytes = 0;
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) bytes += chunk.length;
  if (bytes !== LOG_BYTES) throw new Error(`the log has ${String(bytes)} bytes, not ${String(LOG_BYTES)}`);
  return bytes / 1000 / (performance.now() - began);
}

/** Runs kubectl until it ends, or has shown as many lines. */
function follow(
  { plane }: LinkEnvironment,
  args: readonly string[],
  enough = Infinity,
): Promise<{ lines: number[]; firstMs: number }> {
  const began = performance.now();
  const lines: number[] = [];
  let firstMs = NaN;
  let rest = '';
  const [file = '', ...words] = [...kubernetes('kubectl'), `--kubeconfig=${plane.kubeconfig}`, ...args];
  const child = spawn(file, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  child.stdout.on('data', (chunk: Buffer) => {
    const read = uptimeMs();
    if (rest === '' && lines.length === 0) firstMs = performance.now() - began;
    const parts = (rest + chunk.toString()).split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts.map((line) => read - Number(line) * 1000));
    if (lines.length >= enough) child.kill();
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => {
      resolve({ lines, firstMs });
    });
  });
}

function uptimeMs(): number {
  return Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1000;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
