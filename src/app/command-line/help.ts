/** The help text, of all commands and of one. Pure. */
import {
  commandNames,
  commandOf,
  optionNames,
  optionOf,
  type CommandName,
  type OptionName,
} from './commands.ts';

const WIDTH = 100;

/** `program`: what it was called as, `farlet` or `kubectl farlet`. */
export function help(program: string): string {
  const rows = commandNames.map((name) => [synopsis(name, program), commandOf(name).text] as const);
  return `farlet: a kubelet for hosts that have a container runtime but no kubelet

${columns(rows)}
${columns(optionNames.filter((name) => isOfMany(name)).map((name) => optionRow(name)))}
${program} help COMMAND tells more of each.
`;
}

export function helpOf(command: CommandName, program: string): string {
  const { text, options, outputs } = commandOf(command);
  const rows = options.map((name) => optionRow(name, name === 'output' ? outputs : undefined));
  return `${synopsis(command, program)}\n\n  ${text}\n${rows.length === 0 ? '' : `\n${columns(rows)}`}`;
}

/** What several commands take, and what stands for itself. */
function isOfMany(name: OptionName): boolean {
  return name === 'kubeconfig' || name === 'output' || name === 'help';
}

function synopsis(name: CommandName, program: string): string {
  const { operands, required = [] } = commandOf(name);
  const needed = required.map((option) => `--${option} ${optionOf(option).value ?? ''}`);
  return [program, name, operands, ...needed].filter((part) => part !== '').join(' ');
}

function optionRow(name: OptionName, outputs?: readonly string[]): readonly [string, string] {
  const { short, value, choices = outputs, text } = optionOf(name);
  const argument = choices?.join('|') ?? value;
  const dashed = `${short === undefined ? '' : `-${short}, `}--${name}`;
  return [argument === undefined ? dashed : `${dashed} ${argument}`, text];
}

/** The second column is wrapped; a first that is too wide has a line for itself. */
function columns(rows: readonly (readonly [string, string])[]): string {
  const most = 44;
  const width = Math.max(...rows.map(([first]) => (first.length > most ? 0 : first.length)));
  const indent = ' '.repeat(width + 4);
  return rows
    .map(([first, second]) => {
      const head = first.length > width ? `  ${first}\n${indent}` : `  ${first.padEnd(width)}  `;
      return `${head}${wrapped(second, WIDTH - indent.length).join(`\n${indent}`)}\n`;
    })
    .join('');
}

function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + word.length >= width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
