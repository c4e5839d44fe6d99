/** What stands behind `farlet` on the command line. Pure. */
import { parseArgs } from 'node:util';

const options = {
  config: { type: 'string' },
  kubeconfig: { type: 'string' },
  'log-format': { type: 'string' },
  'log-level': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
} as const;

export interface Arguments {
  readonly command: string | undefined;
  readonly values: {
    readonly config: string | undefined;
    readonly kubeconfig: string | undefined;
    readonly 'log-format': string | undefined;
    readonly 'log-level': string;
    readonly help: boolean;
    readonly version: boolean;
  };
}

/** Options and the command, or a sentence that says what can't be made sense of. */
export function readArguments(args: readonly string[]): Arguments | { readonly problem: string } {
  const { values, positionals, tokens } = parseArgs({
    args: [...args],
    options,
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  const given = new Map<string, string>();
  let twice: string | undefined;
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    const known = Object.hasOwn(options, token.name)
      ? options[token.name as keyof typeof options]
      : undefined;
    if (known === undefined) return { problem: `unknown option ${token.rawName}` };
    if (known.type === 'boolean') {
      if (token.value !== undefined) return { problem: `${token.rawName} takes no value` };
      continue;
    }
    if (token.value === undefined || token.value === '') return { problem: `${token.rawName} needs a value` };
    if (given.has(token.name)) twice ??= token.name;
    given.set(token.name, token.value);
  }
  const [command, ...more] = positionals;
  if (more.length > 0)
    return { problem: `${more.join(' ')}: nothing more is expected after ${command ?? ''}` };
  if (twice !== undefined) return { problem: `--${twice} is given more than once` };
  return {
    command,
    values: {
      config: given.get('config'),
      kubeconfig: given.get('kubeconfig'),
      'log-format': given.get('log-format'),
      'log-level': given.get('log-level') ?? 'info',
      help: values.help === true,
      version: values.version === true,
    },
  };
}
