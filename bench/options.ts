/** The command line of the bench. */
import { parseArgs } from 'node:util';
import type { ContainerdVersion } from '../e2e/harness/containerds.ts';

export const parts = ['start', 'burst', 'delete', 'idle', 'link'] as const;
/** what a run without --only measures; the rest has hosts of its own */
const usual = ['start', 'burst', 'delete', 'idle'] as const satisfies readonly Part[];
export type Part = (typeof parts)[number];

export interface BenchOptions {
  readonly containerd: ContainerdVersion;
  /** in a burst, and running while idle */
  readonly pods: number;
  readonly only: ReadonlySet<Part>;
  /** pods one at a time */
  readonly samples: number;
  /** bursts of farlet per width of the floor */
  readonly rounds: number;
  /** how many pods the floor's bursts start side by side */
  readonly widths: readonly number[];
  readonly idleSeconds: number;
  /** undefined: a file of its own in bench/results */
  readonly json: string | undefined;
}

export type Command = { readonly kind: 'help' } | { readonly kind: 'bench'; readonly options: BenchOptions };

export const help = `usage: npm run bench -- [flags]

Measures farlet against the bare CRI calls, side by side, on a real control plane and a real containerd.

  --containerd 1.6|2   the host's runtime (2)
  --pods N             pods in a burst, and running while idle (50; at most 100)
  --only LIST          of start,burst,delete,idle,link (all but link: a host over ssh, near and far)
  --samples N          pods one at a time (20)
  --rounds N           rounds of bursts: in each, one of the floor at every width and one of farlet beside it (2)
  --widths LIST        how many pods the floor starts side by side (3,4,6,8,16)
  --idle-seconds N     length of the idle measurement, at least 60 (120)
  --json FILE          where the numbers go as JSON (bench/results/<time>.json)
  --beside-kubelet     a real kubelet as well, in turns; has flags of its own: --beside-kubelet --help
  --help               this text

Needs root, Linux, and what 'make setup' builds. See bench/README.md for how to read the table.
`;

const MAX_PODS = 100;
const MIN_IDLE_SECONDS = 60;

/** Throws an Error that says which flag is wrong, what was found and what is allowed. */
export function parseOptions(args: readonly string[]): Command {
  const { values } = parseArgs({
    args: [...args],
    options: {
      containerd: { type: 'string', default: '2' },
      pods: { type: 'string', default: '50' },
      only: { type: 'string', default: usual.join(',') },
      samples: { type: 'string', default: '20' },
      rounds: { type: 'string', default: '2' },
      widths: { type: 'string', default: '3,4,6,8,16' },
      'idle-seconds': { type: 'string', default: '120' },
      json: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return { kind: 'help' };
  const { containerd } = values;
  if (containerd !== '1.6' && containerd !== '2')
    throw new Error(`--containerd ${containerd}: there are 1.6 and 2`);
  return {
    kind: 'bench',
    options: {
      containerd,
      pods: whole('--pods', values.pods, { min: 1, max: MAX_PODS }),
      only: new Set(values.only.split(',').map((text) => oneOf('--only', text, parts))),
      samples: whole('--samples', values.samples, { min: 1, max: 1000 }),
      rounds: whole('--rounds', values.rounds, { min: 1, max: 100 }),
      widths: values.widths.split(',').map((width) => whole('--widths', width, { min: 1, max: MAX_PODS })),
      idleSeconds: whole('--idle-seconds', values['idle-seconds'], { min: MIN_IDLE_SECONDS, max: 3600 }),
      json: values.json,
    },
  };
}

/** The word that a flag gives. Throws an Error that says which is wrong, and which there are. */
export function oneOf<T extends string>(flag: string, text: string, all: readonly T[]): T {
  const found = all.find((each) => each === text);
  if (found === undefined) throw new Error(`${flag} ${text}: there are ${all.join(', ')}`);
  return found;
}

/** The number that a flag gives. Throws an Error that says which is wrong, and what is allowed. */
export function whole(flag: string, text: string, { min, max }: { min: number; max: number }): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < min || value > max)
    throw new Error(`${flag} ${text}: a whole number from ${min} to ${max} is needed`);
  return value;
}
