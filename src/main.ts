#!/usr/bin/env node
/** The command line. */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { runApp } from './app/process.ts';
import { readArguments, type Arguments } from './app/command-line/arguments.ts';
import { flagsForMany } from './app/node-flags.ts';
import { completion, shells } from './app/command-line/completion.ts';
import { isCommand } from './app/command-line/commands.ts';
import { help, helpOf } from './app/command-line/help.ts';
import {
  runDrain,
  runStatusCommand,
  runSupportBundle,
  runUncordon,
} from './app/command-line/cluster-commands.ts';
import { runCheck } from './app/check/check.ts';
import { rbacManifest } from './app/check/rbac-manifest.ts';
import { ConfigError, loadConfig, parseConfig, readConfig } from './app/config/load.ts';
import type { Config } from './app/config/schema.ts';
import { configReference } from './app/config/reference.ts';
import { FarletError, messageOf } from './model/errors.ts';
import { kubeletVersion } from './node/node-object.ts';
import { LostOwnership } from './node/node-claim.ts';
import { logLevels } from './model/log-level.ts';
import { adjustableLog } from './telemetry/adjustable-log.ts';

/** Set by the build (scripts/build.ts); from source there is none. */
declare const farletCommit: string | undefined;

/** As a plugin of kubectl it is the same program under another name, which the launcher hands on. */
const program = process.env.FARLET_CALLED_AS === 'kubectl-farlet' ? 'kubectl farlet' : 'farlet';

function version(): string {
  const file = new URL('../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

function versionLine(): string {
  const commit = typeof farletCommit === 'undefined' ? 'unknown: run from source' : farletCommit;
  return `farlet ${version()} (kubelet ${kubeletVersion}, commit ${commit})\n`;
}

/** The exit code. */
async function main(): Promise<number> {
  const read = readArguments(process.argv.slice(2));
  if ('problem' in read) return fail(`${read.problem}\n\n${help(program)}`);
  const stop = stopOnSignals();
  const context = { version: version(), versionLine: versionLine(), signal: stop };
  switch (read.command) {
    case 'help':
      return print(helpText(read.operands[0]));
    case 'version':
      return print(versionLine());
    case 'config':
      return print(configReference());
    case 'completion':
      return complete(read.operands[0]);
    case 'run':
      return run(read, stop);
    case 'check':
      return check(read);
    case 'status':
      return runStatusCommand(read, context);
    case 'drain':
      return runDrain(read, context);
    case 'uncordon':
      return runUncordon(read, context);
    case 'support-bundle':
      return runSupportBundle(read, context);
  }
}

function helpText(command: string | undefined): string {
  return command !== undefined && isCommand(command) ? helpOf(command, program) : help(program);
}

function complete(name: string | undefined): number {
  const shell = shells.find((each) => each === name);
  return shell === undefined
    ? fail(`${name ?? ''} is not one of ${shells.join(', ')}`)
    : print(completion(shell));
}

function configOf({ values }: Arguments): Config {
  return loadConfig(values.get('config') ?? '', process.env.SSH_AUTH_SOCK);
}

function check(read: Arguments): number | Promise<number> {
  const config = configOf(read);
  if (read.flags.has('print-rbac')) return print(rbacManifest(config));
  return runCheck({
    config,
    kubeconfig: read.values.get('kubeconfig'),
    version: version(),
    offline: read.flags.has('offline'),
    output: read.values.get('output') === 'json' ? 'json' : 'table',
    print: (text) => process.stdout.write(text),
  });
}

async function run(read: Arguments, signal: AbortSignal): Promise<number> {
  const { values } = read;
  const file = values.get('config') ?? '';
  const format = values.get('log-format') ?? (process.stderr.isTTY ? 'pretty' : 'json');
  const level = logLevels.find((each) => each === values.get('log-level')) ?? 'info';
  const parse = (text: string): Config => parseConfig(text, file, process.env.SSH_AUTH_SOCK);
  const text = readConfig(file);
  const config = parse(text);
  startAgainFor(config.nodes.reduce((sum, { hosts }) => sum + hosts.length, 0));
  const logging = adjustableLog({
    format: format === 'json' ? 'json' : 'pretty',
    level: config.logLevel ?? level,
  });
  await runApp(
    {
      config,
      configFile: {
        file,
        text,
        parse,
        setLevel: (wanted) => {
          logging.setLevel(wanted ?? level);
        },
      },
      kubeconfig: values.get('kubeconfig'),
      version: version(),
      log: logging.log,
      podIP: process.env.POD_IP,
      hostIP: process.env.HOST_IP,
      podUid: process.env.POD_UID,
    },
    { signal },
  );
  return 0;
}

/** Aborts with the first signal; the next one, of either, ends the process whatever that is busy with. */
function stopOnSignals(): AbortSignal {
  const stop = new AbortController();
  const signals = ['SIGTERM', 'SIGINT'] as const;
  const onSignal = (signal: NodeJS.Signals): void => {
    for (const each of signals) process.off(each, onSignal);
    stop.abort(new FarletError('cancelled', signal));
  };
  for (const signal of signals) process.on(signal, onSignal);
  return stop.signal;
}

/** In this process's place, before anything was opened; where Node can't do that it goes on as it is. */
function startAgainFor(hosts: number): void {
  const flags = flagsForMany(hosts, {
    flags: process.execArgv,
    version: process.versions.node,
    cores: availableParallelism(),
  });
  // a channel to a parent would not outlive the exchange
  if (flags === undefined || process.connected) return;
  process.execve?.(process.execPath, [process.execPath, ...flags, ...process.argv.slice(1)], process.env);
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

function fail(text: string): number {
  process.stderr.write(`farlet: ${text}\n`);
  return 2;
}

// started by the launcher: gone with it, even if it is killed
process.once('disconnect', () => process.exit(137));

try {
  process.exitCode = await main();
} catch (error) {
  const isUsage =
    error instanceof ConfigError ||
    (error instanceof FarletError && error.kind === 'invalid') ||
    (error instanceof TypeError && 'code' in error);
  process.stderr.write(`farlet: ${messageOf(error)}\n`);
  process.exitCode = isUsage ? 2 : error instanceof LostOwnership ? 3 : 1;
}
process.exit();
