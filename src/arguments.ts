/** What stands behind `farlet` on the command line. Pure. */
import { parseArgs } from 'node:util';

const options = {
  config: { type: 'string', multiple: true },
  kubeconfig: { type: 'string', multiple: true },
  'log-format': { type: 'string', multiple: true },
  'log-level': { type: 'string', multiple: true },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
} as const;

export interface Arguments {
  readonly command: string | undefined;
  readonly values: {
    readonly config?: string;
    readonly kubeconfig?: string;
    readonly 'log-format'?: string;
    readonly 'log-level': string;
    readonly help?: boolean;
    readonly version?: boolean;
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
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    const known = Object.hasOwn(options, token.name)
      ? options[token.name as keyof typeof options]
      : undefined;
    if (known === undefined) return { problem: `unknown option ${token.rawName}` };
    if (known.type === 'string' && (token.value === undefined || token.value === ''))
      return { problem: `${token.rawName} needs a value` };
    if (known.type === 'boolean' && token.value !== undefined)
      return { problem: `${token.rawName} takes no value` };
  }
  const [command, ...more] = positionals;
  if (more.length > 0)
    return { problem: `${more.join(' ')}: nothing more is expected after ${command ?? ''}` };
  const once = (name: 'config' | 'kubeconfig' | 'log-format' | 'log-level'): string | undefined => {
    const given = values[name];
    return Array.isArray(given) ? String(given[0]) : undefined;
  };
  const twice = Object.entries(values).find(([, given]) => Array.isArray(given) && given.length > 1);
  if (twice !== undefined) return { problem: `--${twice[0]} is given more than once` };
  const [config, kubeconfig, format] = [once('config'), once('kubeconfig'), once('log-format')];
  return {
    command,
    values: {
      ...(config === undefined ? {} : { config }),
      ...(kubeconfig === undefined ? {} : { kubeconfig }),
      ...(format === undefined ? {} : { 'log-format': format }),
      'log-level': once('log-level') ?? 'info',
      help: values.help === true,
      version: values.version === true,
    },
  };
}
