import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readArguments } from './arguments.ts';
import { commandNames } from './commands.ts';
import { help, helpOf } from './help.ts';

describe('the command line', () => {
  it('has a command and options, in any order', () => {
    const read = readArguments(['--config', 'f', 'run', '--log-level=debug']);
    assert.ok('command' in read);
    assert.equal(read.command, 'run');
    assert.deepEqual(
      [...read.values],
      [
        ['config', 'f'],
        ['log-level', 'debug'],
      ],
    );
  });

  it('takes short options, flags and operands', () => {
    const read = readArguments(['drain', '--force', 'edge-1/box-2', 'edge-2']);
    assert.ok('command' in read);
    assert.deepEqual(read.operands, ['edge-1/box-2', 'edge-2']);
    assert.deepEqual([...read.flags], ['force']);
    const status = readArguments(['status', '-o', 'json']);
    assert.ok('command' in status);
    assert.equal(status.values.get('output'), 'json');
  });

  const commands: [string, string[], string, string[]][] = [
    ['--help alone', ['--help'], 'help', []],
    ['--help of a command', ['drain', '-h'], 'help', ['drain']],
    ['--help of what is no command', ['fly', '--help'], 'help', []],
    ['--version', ['--version'], 'version', []],
    ['--version beside a command', ['run', '--version'], 'version', []],
  ];
  for (const [name, args, command, operands] of commands)
    it(`takes ${name} for a command`, () => {
      const read = readArguments(args);
      assert.ok('command' in read);
      assert.deepEqual([read.command, read.operands], [command, operands]);
    });

  const rows: [string, string[], RegExp][] = [
    ['no command', [], /^no command given$/],
    ['a command that is none', ['fly'], /^unknown command fly$/],
    ['a name of every object as one', ['constructor'], /^unknown command constructor$/],
    ['an option that is none', ['run', '--foo'], /^unknown option --foo$/],
    ['a short one that is none', ['-v'], /^unknown option -v$/],
    ['a name of every object', ['run', '--constructor', 'x'], /^unknown option --constructor$/],
    ['an option without its value', ['run', '--config'], /^--config needs a value$/],
    ['one with a value that takes none', ['run', '--help=yes'], /^--help takes no value$/],
    [
      'an option of another command',
      ['run', '--config', 'f', '--force'],
      /^--force is no option of farlet run$/,
    ],
    [
      'a value of another command',
      ['check', '--config', 'f', '-o', 'yaml'],
      /^--output: yaml is not one of table, json$/,
    ],
    [
      'a value that is none',
      ['run', '--config', 'f', '--log-level', 'loud'],
      /^--log-level: loud is not one of /,
    ],
    ['no configuration', ['run'], /^--config is required: farlet run --config FILE$/],
    ['no operand', ['drain'], /^NODE\[\/HOST\]\.\.\. is required: farlet drain NODE/],
    [
      'words too many',
      ['check', '--config', 'f', 'extra', 'more'],
      /^extra more: nothing more is expected after check$/,
    ],
    [
      'an option given twice',
      ['run', '--config', 'a', '--config', 'b'],
      /^--config is given more than once$/,
    ],
  ];
  for (const [name, args, problem] of rows)
    it(`tells of ${name}`, () => {
      const read = readArguments(args);
      assert.ok('problem' in read);
      assert.match(read.problem, problem);
    });
});

describe('the help text', () => {
  it('names every command', () => {
    const text = help('farlet');
    for (const name of commandNames) assert.match(text, new RegExp(`^  farlet ${name}( |$)`, 'm'));
  });

  it('fits a terminal of 100 columns', () => {
    const texts = [help('kubectl farlet'), ...commandNames.map((name) => helpOf(name, 'kubectl farlet'))];
    const wide = texts.flatMap((text) => text.split('\n')).filter((line) => line.length > 100);
    assert.deepEqual(wide, []);
  });

  it('tells the options of a command, and what they may be', () => {
    assert.match(helpOf('status', 'kubectl farlet'), /^kubectl farlet status \[NODE\.\.\.\]\n/);
    assert.match(helpOf('status', 'farlet'), /-o, --output table\|json\|yaml/);
  });
});
