/**
 * Draws docs/scale.svg from what simulations wrote with --json, a curve for each:
 * `node bench/simulate/draw.ts docs/scale.svg without-events.json with-events.json`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import type { Found } from './found.ts';
import type { SimulateOptions } from './options.ts';
import { drawScale, type Panel } from './picture.ts';
import { bySize } from './report.ts';

interface Result {
  readonly options: SimulateOptions;
  readonly runs: readonly Found[];
}

interface Drawn {
  readonly title: string;
  readonly unit: string;
  readonly limit?: number;
  readonly of: (run: Found) => number;
}

const drawn: readonly Drawn[] = [
  { title: 'Memory, no pods (MiB)', unit: 'MiB', of: ({ idle }) => idle.rssMiB },
  { title: 'Memory, all pods (MiB)', unit: 'MiB', limit: 500, of: ({ full }) => full.rssMiB },
  { title: 'Watches open', unit: '', of: ({ full }) => full.watches },
  { title: 'CPU, no pods (% of a core)', unit: '%', of: ({ idle }) => idle.cpu * 100 },
  { title: 'CPU, all pods (% of a core)', unit: '%', limit: 50, of: ({ full }) => full.cpu * 100 },
  {
    title: 'Loop blocked while running (ms)',
    unit: 'ms',
    limit: 50,
    of: ({ idle, full }) => Math.max(idle.blocked, full.blocked) * 1000,
  },
  { title: 'A scrape, loop CPU (ms)', unit: 'ms', limit: 50, of: ({ scrape }) => scrape.loop * 1000 },
  { title: 'Create to Ready (ms)', unit: 'ms', of: ({ start }) => start.amongAll * 1000 },
  { title: 'Restart, all synced (s)', unit: 's', limit: 60, of: ({ restart }) => restart.syncedAfter },
];

function nameOf({ events }: SimulateOptions): string {
  return events ? 'container events' : 'listed each second';
}

const [picture = '', ...files] = process.argv.slice(2);
if (files.length === 0)
  throw new Error('which picture is to be drawn of what? draw.ts docs/scale.svg RESULT.json …');
const results = files.map((file) => JSON.parse(readFileSync(file, 'utf8')) as Result);
const panels = drawn.map(({ of, ...panel }): Panel => ({
  ...panel,
  curves: results.map(({ options, runs }) => ({
    name: nameOf(options),
    points: bySize(runs).map((run) => [run.hosts, of(run)] as const),
  })),
}));
writeFileSync(picture, drawScale(panels));
