/** Scripts that make a shell complete farlet's commands, options and their values. Pure. */
import {
  commandNames,
  commandOf,
  optionNames,
  optionOf,
  type CommandName,
  type OptionName,
} from './commands.ts';

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

export function completion(shell: Shell): string {
  return { bash, zsh, fish }[shell]();
}

function bash(): string {
  return `# farlet completion for bash: source <(farlet completion bash)
_farlet() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} command=\${COMP_WORDS[1]} words
  case $prev in
${valued()
  .map(({ dashed, choices }) =>
    choices === undefined
      ? `    ${dashed}) COMPREPLY=($(compgen -f -- "$cur")); return ;;`
      : `    ${dashed}) COMPREPLY=($(compgen -W '${choices.join(' ')}' -- "$cur")); return ;;`,
  )
  .join('\n')}
  esac
  if [ "$COMP_CWORD" -eq 1 ]; then words='${commandNames.join(' ')} --help --version'
  else
    case $command in
${commandNames.map((name) => `      ${name}) words='${wordsOf(name).join(' ')}' ;;`).join('\n')}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -F _farlet farlet
`;
}

function zsh(): string {
  const described = commandNames.map((name) => `    ${quoted(`${name}:${commandOf(name).text}`)}`);
  return `#compdef farlet
# farlet completion for zsh: source <(farlet completion zsh)
_farlet() {
  local -a commands
  commands=(
${described.join('\n')}
  )
  if (( CURRENT == 2 )); then _describe command commands; return; fi
  case $words[2] in
${commandNames
  .map((name) => {
    const specs = [...optionsOf(name).map(zshSpec(name)), ...operandsOf(name).map(zshOperands)];
    return `    ${name}) _arguments ${specs.join(' ')} ;;`;
  })
  .join('\n')}
  esac
}
compdef _farlet farlet
`;
}

function zshSpec(command: CommandName): (name: OptionName) => string {
  return (name) => {
    const { text, type } = optionOf(name);
    const choices = choicesOf(command, name);
    const argument =
      type === 'boolean' ? '' : choices === undefined ? ':file:_files' : `:value:(${choices.join(' ')})`;
    return quoted(`--${name}[${text.replaceAll(/[[\]:]/g, '')}]${argument}`);
  };
}

function zshOperands(words: readonly string[]): string {
  return quoted(`1:operand:(${words.join(' ')})`);
}

function fish(): string {
  const lines = commandNames.flatMap((name) => {
    const here = `-n '__fish_seen_subcommand_from ${name}'`;
    return [
      `complete -c farlet -n __fish_use_subcommand -a ${name} -d ${quoted(commandOf(name).text)}`,
      ...optionsOf(name).map((option) => {
        const { short, type, text } = optionOf(option);
        const choices = choicesOf(name, option);
        const argument =
          type === 'boolean' ? '' : choices === undefined ? ' -r -F' : ` -x -a '${choices.join(' ')}'`;
        return `complete -c farlet ${here} -l ${option}${short === undefined ? '' : ` -s ${short}`}${argument} -d ${quoted(text)}`;
      }),
      ...operandsOf(name).map((words) => `complete -c farlet ${here} -a '${words.join(' ')}'`),
    ];
  });
  return `# farlet completion for fish: farlet completion fish | source
complete -c farlet -f
${lines.join('\n')}
`;
}

/** Options with a value; of several commands' values, all. */
function valued(): { dashed: string; choices: readonly string[] | undefined }[] {
  return optionNames
    .filter((name) => optionOf(name).type === 'string')
    .map((name) => {
      const { short } = optionOf(name);
      const lists = commandNames
        .filter((command) => commandOf(command).options.includes(name))
        .flatMap((command) => choicesOf(command, name) ?? []);
      return {
        dashed: short === undefined ? `--${name}` : `-${short}|--${name}`,
        choices: lists.length === 0 ? undefined : [...new Set(lists)],
      };
    });
}

function wordsOf(name: CommandName): string[] {
  return [...operandsOf(name).flat(), ...optionsOf(name).map((option) => `--${option}`)];
}

function optionsOf(name: CommandName): OptionName[] {
  return [...commandOf(name).options, 'help'];
}

function choicesOf(command: CommandName, option: OptionName): readonly string[] | undefined {
  return option === 'output' ? commandOf(command).outputs : optionOf(option).choices;
}

/** The words that an operand may be, where there is a list of them. */
function operandsOf(name: CommandName): (readonly string[])[] {
  if (name === 'completion') return [shells];
  return name === 'help' ? [commandNames] : [];
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
