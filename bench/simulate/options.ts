/** The command line of the simulation. */
import { parseArgs } from 'node:util';
import { whole } from '../options.ts';

export interface SimulateOptions {
  /** each a simulation of its own, one after the other */
  readonly sizes: readonly number[];
  /** on each host */
  readonly pods: number;
  /** the fake runtimes tell of what happens, as containerd 2: farlet lists them each minute only */
  readonly events: boolean;
  /** of the look at farlet while nothing happens but relists */
  readonly seconds: number;
  /** of the look before there are pods */
  readonly idleSeconds: number;
  /** pods that are started one at a time, among few and among all */
  readonly starts: number;
  /** ms of a round trip to the API server while farlet starts again */
  readonly apiLatencyMs: number;
  /** of fake runtimes */
  readonly processes: number;
  /** pods have a service account token, and so a volume that farlet mounts */
  readonly tokens: boolean;
  readonly json: string | undefined;
  /** a folder for CPU profiles of farlet; undefined: none are made */
  readonly profile: string | undefined;
}

export type SimulateCommand =
  { readonly kind: 'help' } | { readonly kind: 'simulate'; readonly options: SimulateOptions };

export const help = `usage: npm run simulate -- [flags]

Runs one farlet over many hosts with fake runtimes: looks at it while there are no pods, then while all run, times the start
of single pods, then kills it and looks at how it comes back. Exits 1 if a limit is passed.

  --hosts LIST       hosts, each with a node of its own (100). 1,10,100 is three simulations, and a table of them: what a node
                     costs is the difference to one
  --pods N           pods on each (50; at most 100)
  --events           the runtimes have container events, as containerd 2; without, they are listed each second
  --no-tokens        pods have no service account token: nothing is mounted, which makes many of them sooner
  --seconds N        how long farlet is looked at while all pods run and nothing happens (300)
  --idle-seconds N   how long it is looked at before there are pods (120)
  --starts N         pods that are started one at a time, among those of one host and among all (20)
  --api-latency N    ms of a round trip to the API server while farlet starts again (20)
  --processes N      processes that the fake runtimes share (2)
  --json FILE        where the figures go as JSON
  --profile FOLDER   has farlet write CPU profiles there, one before the restart and one after; it is then stopped in order
  --help             this text

Needs root, Linux, and what 'make setup' builds. See bench/README.md for how to read the table.
`;

/** Throws an Error that says which flag is wrong, what was found and what is allowed. */
export function parseOptions(args: readonly string[]): SimulateCommand {
  const { values } = parseArgs({
    args: [...args],
    options: {
      hosts: { type: 'string', default: '100' },
      pods: { type: 'string', default: '50' },
      events: { type: 'boolean', default: false },
      seconds: { type: 'string', default: '300' },
      'idle-seconds': { type: 'string', default: '120' },
      starts: { type: 'string', default: '20' },
      'api-latency': { type: 'string', default: '20' },
      processes: { type: 'string', default: '2' },
      'no-tokens': { type: 'boolean', default: false },
      json: { type: 'string' },
      profile: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return { kind: 'help' };
  return {
    kind: 'simulate',
    options: {
      sizes: values.hosts.split(',').map((size) => whole('--hosts', size, { min: 1, max: 1000 })),
      pods: whole('--pods', values.pods, { min: 1, max: 100 }),
      events: values.events,
      seconds: whole('--seconds', values.seconds, { min: 1, max: 86_400 }),
      idleSeconds: whole('--idle-seconds', values['idle-seconds'], { min: 1, max: 86_400 }),
      starts: whole('--starts', values.starts, { min: 1, max: 1000 }),
      apiLatencyMs: whole('--api-latency', values['api-latency'], { min: 0, max: 1000 }),
      processes: whole('--processes', values.processes, { min: 1, max: 64 }),
      tokens: !values['no-tokens'],
      json: values.json,
      profile: values.profile,
    },
  };
}
