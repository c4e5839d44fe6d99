/** What stands behind `farlet` on the command line. Pure. */
import { parseArgs } from 'node:util';
import { commandOf, isCommand, optionOf, options, type CommandName, type OptionName } from './commands.ts';

export interface Arguments {
  readonly command: CommandName;
  readonly operands: readonly string[];
  /** options with a value, as they were given */
  readonly values: ReadonlyMap<OptionName, string>;
  /** those without one */
  readonly flags: ReadonlySet<OptionName>;
}

/** A sentence that says what can't be made sense of. */
export interface Problem {
  readonly problem: string;
}

/** The command, its operands and options; `--help` and `--version` are commands as well. */
export function readArguments(args: readonly string[]): Arguments | Problem {
  const { positionals, tokens } = parseArgs({
    args: [...args],
    options,
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  const values = new Map<OptionName, string>();
  const flags = new Set<OptionName>();
  let twice: OptionName | undefined;
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    const name = known(token.name);
    if (name === undefined) return { problem: `unknown option ${token.rawName}` };
    if (optionOf(name).type === 'boolean') {
      if (token.value !== undefined) return { problem: `${token.rawName} takes no value` };
      flags.add(name);
      continue;
    }
    if (token.value === undefined || token.value === '') return { problem: `${token.rawName} needs a value` };
    if (values.has(name)) twice ??= name;
    values.set(name, token.value);
  }
  const [command, ...operands] = positionals;
  if (flags.has('help'))
    return {
      command: 'help',
      operands: command !== undefined && isCommand(command) ? [command] : [],
      values: new Map(),
      flags: new Set(),
    };
  if (flags.has('version')) return { command: 'version', operands: [], values: new Map(), flags: new Set() };
  if (command === undefined) return { problem: 'no command given' };
  if (!isCommand(command)) return { problem: `unknown command ${command}` };
  const read = { command, operands, values, flags };
  const problem = twice === undefined ? problemOf(read) : `--${twice} is given more than once`;
  return problem === undefined ? read : { problem };
}

function known(name: string): OptionName | undefined {
  return Object.hasOwn(options, name) ? (name as OptionName) : undefined;
}

function problemOf({ command, operands, values, flags }: Arguments): string | undefined {
  const {
    leastOperands,
    mostOperands,
    operands: form,
    options: taken,
    required,
    outputs,
  } = commandOf(command);
  if (mostOperands !== undefined && operands.length > mostOperands)
    return `${operands.slice(mostOperands).join(' ')}: nothing more is expected after ${command}`;
  if (operands.length < leastOperands) return `${form} is required: farlet ${command} ${form}`;
  const strange = [...values.keys(), ...flags].find((name) => !taken.includes(name));
  if (strange !== undefined) return `--${strange} is no option of farlet ${command}`;
  const lacking = required?.find((name) => !values.has(name));
  if (lacking !== undefined)
    return `--${lacking} is required: farlet ${command} --${lacking} ${optionOf(lacking).value ?? ''}`;
  for (const [name, value] of values) {
    const choices = name === 'output' ? outputs : optionOf(name).choices;
    if (choices?.includes(value) === false) return `--${name}: ${value} is not one of ${choices.join(', ')}`;
  }
  return undefined;
}
