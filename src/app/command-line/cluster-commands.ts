/** Commands that ask the API server alone, from anywhere with a kubeconfig. */
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { parseDuration } from '../config/units.ts';
import { loadConfig } from '../config/load.ts';
import { runCheck } from '../check/check.ts';
import { drain, uncordon } from '../drain/drain.ts';
import { removeNodes } from '../drain/remove-nodes.ts';
import { parseTarget } from '../drain/targets.ts';
import { archive, collect } from '../support/bundle.ts';
import { runStatus } from '../status/status.ts';
import type { Arguments } from './arguments.ts';
import { connectKube, type KubeConnection } from '../../kube/connect.ts';
import { isClusterConfigured } from '../../kube/kubeconfig.ts';
import { FarletError } from '../../model/errors.ts';
import { limitSignal } from '../../util/abort.ts';
import { systemClock } from '../../util/clock.ts';

export interface CommandContext {
  readonly version: string;
  /** what `farlet version` prints */
  readonly versionLine: string;
  /** aborts when the user stops it */
  readonly signal: AbortSignal;
}

const now = systemClock.now.bind(systemClock);
const STATUS_MS = 60_000;
const BUNDLE_MS = 600_000;
const DRAIN_MS = 600_000;

export function runStatusCommand(read: Arguments, context: CommandContext): Promise<number> {
  const output = read.values.get('output');
  return withCluster(read, context, STATUS_MS, (client, signal) =>
    runStatus({
      client,
      names: read.operands,
      output: output === 'json' || output === 'yaml' ? output : 'table',
      print,
      warn,
      signal,
      now,
    }),
  );
}

export async function runDrain(read: Arguments, context: CommandContext): Promise<number> {
  const targets = read.operands.map(parseTarget);
  const limits = {
    force: read.flags.has('force'),
    deleteEmptyDirData: read.flags.has('delete-emptydir-data'),
  };
  return withCluster(read, context, timeoutOf(read), async (client, signal) => {
    const work = read.flags.has('delete') ? removeNodes : drain;
    await work(targets, { client, print, clock: systemClock, signal, limits });
    return 0;
  });
}

export async function runUncordon(read: Arguments, context: CommandContext): Promise<number> {
  const targets = read.operands.map(parseTarget);
  return withCluster(read, context, STATUS_MS, async (client, signal) => {
    for (const target of targets) await uncordon(target, { client, print, clock: systemClock, signal });
    return 0;
  });
}

export async function runSupportBundle(read: Arguments, context: CommandContext): Promise<number> {
  const config = await configPart(read, context);
  return withCluster(read, context, BUNDLE_MS, async (client, signal) => {
    const { versionLine: version } = context;
    const files = await collect({
      client,
      names: read.operands,
      version,
      config,
      progress: warn,
      signal,
      now,
    });
    const time = new Date(now()).toISOString().replaceAll(/[-:]|\.\d+/g, '');
    const folder = `farlet-support-${time}`;
    const file = read.values.get('file') ?? `${folder}.tar.gz`;
    const bytes = await archive(files, folder, now());
    if (file === '-') process.stdout.write(bytes);
    else {
      await writeFile(file, bytes, { mode: 0o600, flag: 'wx' });
      warn(`${file}: ${String(files.size)} files, ${String(Math.ceil(bytes.length / 1024))} KiB\n`);
    }
    return 0;
  });
}

async function configPart(
  { values }: Arguments,
  { version }: CommandContext,
): Promise<{ text: string; check: string } | undefined> {
  const file = values.get('config');
  if (file === undefined) return undefined;
  const config = loadConfig(file, process.env.SSH_AUTH_SOCK);
  const found: string[] = [];
  warn('looking at hosts and cluster (farlet check)\n');
  await runCheck({
    config,
    kubeconfig: values.get('kubeconfig'),
    version,
    offline: false,
    output: 'json',
    print: (text) => found.push(text),
  });
  return { text: readFileSync(file, 'utf8'), check: found.join('') };
}

function timeoutOf({ values }: Arguments): number {
  const text = values.get('timeout');
  if (text === undefined) return DRAIN_MS;
  const ms = parseDuration(text);
  if (ms === undefined || ms <= 0)
    throw new FarletError('invalid', `--timeout: ${text} is no duration; write for example 30s or 10m`);
  return ms;
}

async function withCluster(
  { values }: Arguments,
  { version, signal }: CommandContext,
  limitMs: number,
  work: (client: KubeConnection, signal: AbortSignal) => Promise<number>,
): Promise<number> {
  const kubeconfig = values.get('kubeconfig');
  if (!isClusterConfigured(kubeconfig))
    throw new FarletError('invalid', 'no cluster is configured: give --kubeconfig FILE, or set $KUBECONFIG');
  const client = connectKube({ userAgent: `farlet/${version}`, kubeconfig });
  try {
    return await work(client, limitSignal(limitMs, signal));
  } finally {
    await client.close();
  }
}

function print(text: string): void {
  process.stdout.write(text);
}

/** Beside the result, which may be read by a program. */
function warn(text: string): void {
  process.stderr.write(text);
}
