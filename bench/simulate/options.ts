/** The command line of the simulation. */
import { parseArgs } from 'node:util';
import { whole } from '../options.ts';

export interface SimulateOptions {
  readonly hosts: number;
  /** on each host */
  readonly pods: number;
  /** of the look at farlet while nothing happens but relists */
  readonly seconds: number;
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

Runs one farlet over many hosts with fake runtimes that have no container events, looks at its event loop, then kills it and
looks at how it comes back. Exits 1 if a limit is passed.

  --hosts N          hosts, each with a node of its own (100)
  --pods N           pods on each (50; at most 100)
  --no-tokens        pods have no service account token: nothing is mounted, which makes many of them sooner
  --seconds N        how long farlet is looked at while nothing happens but relists (300)
  --api-latency N    ms of a round trip to the API server while farlet starts again (20)
  --processes N      processes that the fake runtimes share (2)
  --json FILE        where the figures go as JSON
  --profile FOLDER   has farlet write CPU profiles there; it is then stopped in order, not killed
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
      seconds: { type: 'string', default: '300' },
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
      hosts: whole('--hosts', values.hosts, { min: 1, max: 1000 }),
      pods: whole('--pods', values.pods, { min: 1, max: 100 }),
      seconds: whole('--seconds', values.seconds, { min: 1, max: 86_400 }),
      apiLatencyMs: whole('--api-latency', values['api-latency'], { min: 0, max: 1000 }),
      processes: whole('--processes', values.processes, { min: 1, max: 64 }),
      tokens: !values['no-tokens'],
      json: values.json,
      profile: values.profile,
    },
  };
}
