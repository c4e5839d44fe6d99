/** The command line of the bench with a kubelet beside. */
import { parseArgs } from 'node:util';
import { oneOf, whole } from '../options.ts';

const parts = ['bare', 'plain', 'usual', 'idle', 'churn'] as const;
type Part = (typeof parts)[number];

export interface BesideOptions {
  readonly only: ReadonlySet<Part>;
  /** in each of them, floor, farlet and kubelet take their turns */
  readonly rounds: number;
  /** pods one at a time, in each turn */
  readonly samples: number;
  /** in a burst */
  readonly pods: number;
  /** how many pods the floor's bursts start side by side */
  readonly widths: readonly number[];
  /** that run on each node while nothing is asked, and while Deployments are rolled over */
  readonly running: number;
  /** of each look at nodes that have nothing to do: one at the beginning, one a round with pods */
  readonly idleSeconds: number;
  /** undefined: a file of its own in bench/results */
  readonly json: string | undefined;
}

export type BesideCommand =
  { readonly kind: 'help' } | { readonly kind: 'beside'; readonly options: BesideOptions };

export const help = `usage: npm run bench -- --beside-kubelet [flags]

Measures farlet, a real kubelet and the bare CRI calls in turns, on a real control plane and a real containerd each.

  --rounds N           rounds, in each of which all three have a turn (5)
  --only LIST          of bare,plain,usual,idle,churn (all): pods without a volume, pods with just a token, pods with files,
                       variables, probes and an init container, nodes with pods and nothing to do, Deployments rolled over
  --samples N          pods one at a time, in each turn (10)
  --pods N             pods in a burst (40; at most 100)
  --widths LIST        how many pods the floor starts side by side (4,8)
  --running N          pods that run while nothing is asked, and while Deployments are rolled over (50; 10 to 60)
  --idle-seconds N     length of each look at idle nodes (60)
  --quick              a look in a few minutes, whose figures say little: other defaults of all these
  --json FILE          where the numbers go as JSON (bench/results/<time>-beside-kubelet.json)
  --help               this text

Needs root, Linux, and what 'make setup' and scripts/setup-kubelet.sh build. See bench/README.md for how to read the table.
`;

const defaults = { rounds: '5', samples: '10', pods: '40', widths: '4,8', running: '50', idleSeconds: '60' };
const quick = { rounds: '2', samples: '3', pods: '10', widths: '4', running: '10', idleSeconds: '15' };
const MAX_PODS = 100;

/** Throws an Error that says which flag is wrong, what was found and what is allowed. */
export function parseOptions(args: readonly string[]): BesideCommand {
  const { values } = parseArgs({
    args: [...args],
    options: {
      'beside-kubelet': { type: 'boolean' },
      only: { type: 'string', default: parts.join(',') },
      rounds: { type: 'string' },
      samples: { type: 'string' },
      pods: { type: 'string' },
      widths: { type: 'string' },
      running: { type: 'string' },
      'idle-seconds': { type: 'string' },
      quick: { type: 'boolean', default: false },
      json: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return { kind: 'help' };
  const usual = values.quick ? quick : defaults;
  const widths = (values.widths ?? usual.widths).split(',');
  return {
    kind: 'beside',
    options: {
      only: new Set(values.only.split(',').map((text) => oneOf('--only', text, parts))),
      rounds: whole('--rounds', values.rounds ?? usual.rounds, { min: 1, max: 100 }),
      samples: whole('--samples', values.samples ?? usual.samples, { min: 1, max: 1000 }),
      pods: whole('--pods', values.pods ?? usual.pods, { min: 1, max: MAX_PODS }),
      widths: widths.map((width) => whole('--widths', width, { min: 1, max: MAX_PODS })),
      // a rollover has new pods and ended ones besides for a while, and a node holds 110
      running: whole('--running', values.running ?? usual.running, { min: 10, max: 60 }),
      idleSeconds: whole('--idle-seconds', values['idle-seconds'] ?? usual.idleSeconds, {
        min: 10,
        max: 3600,
      }),
      json: values.json,
    },
  };
}
