/**
 * One farlet over many hosts: what it costs, and how it comes back. `npm run simulate -- --help`.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { dirname } from 'node:path';
import { missing } from './environment.ts';
import type { Found } from './simulate/found.ts';
import { help, parseOptions, type SimulateOptions } from './simulate/options.ts';
import { compared, report } from './simulate/report.ts';
import { simulate } from './simulate/simulation.ts';

function log(text: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)}  ${text}\n`);
}

/** One size after the other; whether all limits were kept. */
async function simulateAll(options: SimulateOptions, signal: AbortSignal): Promise<boolean> {
  const runs: Found[] = [];
  let passed = true;
  for (const hosts of options.sizes) {
    const found = await simulate(options, { hosts, signal, progress: log });
    const { text, passed: kept } = report(found);
    runs.push(found);
    passed &&= kept;
    process.stdout.write(`\n${headline(options, hosts)}\n\n${text}\n`);
    if (options.json !== undefined) write(options.json, { machine: machine(), options, runs });
  }
  if (runs.length === 1) return passed;
  const { text, passed: kept } = compared(runs);
  process.stdout.write(`\n${text}\n`);
  return passed && kept;
}

function headline({ events, pods }: SimulateOptions, hosts: number): string {
  const how = `${events ? 'with' : 'without'} container events`;
  const load = loadavg()[0]?.toFixed(1) ?? '?';
  return `${hosts} hosts ${how}, ${pods} pods each; ${machine()}, load ${load}; fake runtimes and control plane run there as well`;
}

function machine(): string {
  return `${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'})`;
}

function write(file: string, content: object): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, JSON.stringify(content, undefined, 2));
}

const command = parseOptions(process.argv.slice(2));
if (command.kind === 'help') process.stdout.write(help);
else {
  const problems = await missing('2');
  if (problems.length > 0) throw new Error(problems.join('\n'));
  const life = new AbortController();
  // what was started ends with this process, by its 'exit'
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => process.exit(1));
  const passed = await simulateAll(command.options, life.signal).finally(() => {
    life.abort(new Error('the simulation is over'));
  });
  process.exit(passed ? 0 : 1);
}
