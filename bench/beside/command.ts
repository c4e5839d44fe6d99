/** `npm run bench -- --beside-kubelet`: flags, set-up, measurements, a table and a file. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { dirname } from 'node:path';
import { within } from '../within.ts';
import { missing, startEnvironment } from './environment.ts';
import { measure } from './measure.ts';
import { help, parseOptions, type BesideCommand, type BesideOptions } from './options.ts';
import { isMet, rowsOf, text } from './report.ts';

type Progress = (step: string) => void;

export async function besideKubelet(args: readonly string[], progress: Progress): Promise<void> {
  const command = parsed(args);
  if (command.kind === 'help') process.stdout.write(help);
  else await bench(command.options, progress);
}

function parsed(args: readonly string[]): BesideCommand {
  try {
    return parseOptions(args);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${help}`);
    process.exit(2);
  }
}

async function bench(options: BesideOptions, progress: Progress): Promise<void> {
  const problems = await missing();
  if (problems.length > 0) {
    process.stderr.write(`the bench can't run:\n${problems.map((each) => `- ${each}\n`).join('')}`);
    process.exit(1);
  }
  const at = new Date().toISOString();
  const machine = {
    cores: cpus().length,
    model: cpus()[0]?.model ?? '',
    node: process.version,
    loadBefore: loadavg(),
  };
  const results = await within(() => startEnvironment(progress), {
    progress,
    work: (env) => measure(env, options, progress),
  });
  process.stdout.write(`\n${text(results)}\n`);
  const file = options.json ?? `bench/results/${at.replace(/[:.]/g, '-')}-beside-kubelet.json`;
  mkdirSync(dirname(file), { recursive: true });
  const rows = rowsOf(results).map((row) => ({ ...row, met: isMet(row) }));
  const whole = { at, machine, options: { ...options, only: [...options.only] }, rows, ...results };
  writeFileSync(file, `${JSON.stringify(whole, undefined, 2)}\n`);
  process.stdout.write(`\n${file}\n`);
}
