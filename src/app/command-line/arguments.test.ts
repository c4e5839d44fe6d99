import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readArguments } from './arguments.ts';

describe('the command line', () => {
  it('has a command and options, in any order', () => {
    const read = readArguments(['--config', 'f', 'run', '--log-level=debug']);
    assert.ok('values' in read);
    assert.equal(read.command, 'run');
    assert.equal(read.values.config, 'f');
    assert.equal(read.values['log-level'], 'debug');
  });

  const rows: [string, string[], RegExp][] = [
    ['an option that is none', ['run', '--foo'], /^unknown option --foo$/],
    ['a short one that is none', ['-v'], /^unknown option -v$/],
    ['a name of every object', ['run', '--constructor', 'x'], /^unknown option --constructor$/],
    ['an option without its value', ['run', '--config'], /^--config needs a value$/],
    ['one with a value that takes none', ['run', '--help=yes'], /^--help takes no value$/],
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
