#!/usr/bin/env node
/** The command line. */
import { readFileSync } from 'node:fs';
import { runApp } from './app/process.ts';
import { readArguments } from './app/arguments.ts';
import { flagsForMany } from './app/node-flags.ts';
import { runCheck } from './app/check/check.ts';
import { ConfigError, loadConfig, parseConfig } from './app/config/load.ts';
import { configReference } from './app/config/reference.ts';
import { FarletError, messageOf } from './model/errors.ts';
import { kubeletVersion } from './node/node-object.ts';
import { LostOwnership } from './node/node-claim.ts';
import { logLevels } from './model/log-level.ts';
import { adjustableLog } from './telemetry/adjustable-log.ts';

/** Set by the build (scripts/build.ts); from source there is none. */
declare const farletCommit: string | undefined;

const usage = `farlet: a kubelet for hosts that have a container runtime but no kubelet

  farlet run --config FILE [--kubeconfig FILE]    run the virtual nodes of FILE
  farlet check --config FILE [--kubeconfig FILE]  look at the file, its hosts and the API server; exit 0 if all is well
  farlet config                                   print the reference of every configuration key
  farlet version                                  print the version

  --kubeconfig FILE        how to reach the cluster; default: the pod's service account, else the file of
                           $KUBECONFIG, else ~/.kube/config
  --log-format json|pretty default: pretty on a terminal, else json
  --log-level ${logLevels.join('|')}   default: info
`;

function version(): string {
  const file = new URL('../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

function commit(): string {
  return typeof farletCommit === 'undefined' ? 'unknown: run from source' : farletCommit;
}

async function main(): Promise<number> {
  const read = readArguments(process.argv.slice(2));
  if ('problem' in read) return fail(`${read.problem}\n\n${usage}`);
  const { values, command } = read;
  if (values.help || command === 'help') return print(usage);
  if (values.version || command === 'version')
    return print(`farlet ${version()} (kubelet ${kubeletVersion}, commit ${commit()})\n`);
  if (command === 'config') return print(configReference());
  if (command !== 'run' && command !== 'check')
    return fail(`${command === undefined ? 'no command given' : `unknown command ${command}`}\n\n${usage}`);
  if (values.config === undefined) return fail(`--config is required: farlet ${command} --config FILE`);
  const format = values['log-format'] ?? (process.stderr.isTTY ? 'pretty' : 'json');
  if (format !== 'json' && format !== 'pretty')
    return fail(`--log-format: ${format} is not one of json, pretty`);
  const level = logLevels.find((each) => each === values['log-level']);
  if (level === undefined)
    return fail(`--log-level: ${values['log-level']} is not one of ${logLevels.join(', ')}`);
  const file = values.config;
  const config = loadConfig(file, process.env.SSH_AUTH_SOCK);
  if (command === 'check')
    return runCheck({
      config,
      kubeconfig: values.kubeconfig,
      version: version(),
      print: (text) => process.stdout.write(text),
    });
  startAgainFor(config.nodes.reduce((sum, { hosts }) => sum + hosts.length, 0));
  const stop = new AbortController();
  const signals = ['SIGTERM', 'SIGINT'] as const;
  const onSignal = (signal: NodeJS.Signals): void => {
    // the next one, of either, is the system's to act on: it ends the process whatever that is busy with
    for (const each of signals) process.off(each, onSignal);
    stop.abort(new FarletError('cancelled', signal));
  };
  for (const signal of signals) process.on(signal, onSignal);
  const logging = adjustableLog({ format, level: config.logLevel ?? level });
  await runApp(
    {
      config,
      configFile: {
        file,
        parse: (text) => parseConfig(text, file, process.env.SSH_AUTH_SOCK),
        setLevel: (wanted) => {
          logging.setLevel(wanted ?? level);
        },
      },
      kubeconfig: values.kubeconfig,
      version: version(),
      log: logging.log,
      podIP: process.env.POD_IP,
      hostIP: process.env.HOST_IP,
      podUid: process.env.POD_UID,
    },
    { signal: stop.signal },
  );
  return 0;
}

/** In this process's place, before anything was opened; where Node can't do that it goes on as it is. */
function startAgainFor(hosts: number): void {
  const flags = flagsForMany(hosts, { flags: process.execArgv, version: process.versions.node });
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
  process.exit(await main());
} catch (error) {
  const isUsage =
    error instanceof ConfigError ||
    (error instanceof FarletError && error.kind === 'invalid') ||
    (error instanceof TypeError && 'code' in error);
  process.stderr.write(`farlet: ${messageOf(error)}\n`);
  process.exit(isUsage ? 2 : error instanceof LostOwnership ? 3 : 1);
}
