/** The bench's command: flags, set-up, measurements in one run, a table and a file. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname } from 'node:path';
import { besideKubelet } from './beside/command.ts';
import { missing, startEnvironment } from './environment.ts';
import { startLinkEnvironment } from './link-environment.ts';
import { linkText } from './link-report.ts';
import { measureBursts } from './measure-bursts.ts';
import { measureIdle } from './measure-idle.ts';
import { measureLink, type LinkResults } from './measure-link.ts';
import { measureStarts } from './measure-starts.ts';
import { help, parseOptions, parts, type BenchOptions, type Command } from './options.ts';
import { isMet, rowsOf, text, type Results } from './report.ts';
import { within } from './within.ts';

const began = performance.now();
const progress = (step: string): void => {
  process.stderr.write(`${((performance.now() - began) / 1000).toFixed(0).padStart(4)} s  ${step}\n`);
};

function parsed(): Command {
  try {
    return parseOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${help}`);
    process.exit(2);
  }
}

async function measure(options: BenchOptions): Promise<Results> {
  const { only } = options;
  if (!parts.some((each) => each !== 'link' && only.has(each)))
    return { starts: undefined, bursts: undefined, idle: undefined };
  return within(() => startEnvironment(options.containerd, progress), {
    progress,
    work: async (env) => {
      const [one, many] = [only.has('start') || only.has('delete'), only.has('burst') || only.has('delete')];
      const starts = one ? await measureStarts(env, options, progress) : undefined;
      const bursts = many ? await measureBursts(env, options, progress) : undefined;
      const idle = only.has('idle') ? await measureIdle(env, options, progress) : undefined;
      return { starts, bursts, idle };
    },
  });
}

async function measureFar(options: BenchOptions): Promise<LinkResults | undefined> {
  if (!options.only.has('link')) return undefined;
  return within(() => startLinkEnvironment(options.containerd, progress), {
    progress,
    work: (env) => measureLink(env, options, progress),
  });
}

async function bench(options: BenchOptions): Promise<void> {
  const problems = await missing(options.containerd);
  if (problems.length > 0) {
    process.stderr.write(`the bench can't run:\n${problems.map((each) => `- ${each}\n`).join('')}`);
    process.exit(1);
  }
  const at = new Date();
  const results = await measure(options);
  const far = await measureFar(options);
  const { only } = options;
  const rows = rowsOf(results, {
    start: only.has('start'),
    burst: only.has('burst'),
    delete: only.has('delete'),
  });
  if (rows.length > 0) process.stdout.write(`\n${text(results, rows)}\n`);
  if (far !== undefined) process.stdout.write(`\n${linkText(far)}\n`);
  const file = options.json ?? `bench/results/${at.toISOString().replace(/[:.]/g, '-')}.json`;
  mkdirSync(dirname(file), { recursive: true });
  const machine = { cores: cpus().length, model: cpus()[0]?.model ?? '', node: process.version };
  const whole = {
    at: at.toISOString(),
    machine,
    options: { ...options, only: [...only] },
    rows: rows.map((row) => ({ ...row, met: isMet(row) })),
    ...results,
    ...(far === undefined ? {} : { far }),
  };
  writeFileSync(file, `${JSON.stringify(whole, undefined, 2)}\n`);
  process.stdout.write(`\n${file}\n`);
}

if (process.argv.includes('--beside-kubelet')) await besideKubelet(process.argv.slice(2), progress);
else {
  const command = parsed();
  if (command.kind === 'help') process.stdout.write(help);
  else await bench(command.options);
}
