import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { commandNames } from './commands.ts';
import { completion, shells } from './completion.ts';

/** What bash would offer for these words, the last of which is being written. */
function offered(...words: string[]): string[] {
  const script = `${completion('bash')}
COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${String(words.length - 1)}
_farlet; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
  assert.equal(stderr, '');
  return stdout.split('\n').filter((line) => line !== '');
}

describe('completion in bash', () => {
  const rows: [string, string[], string[]][] = [
    ['commands', ['farlet', 'st'], ['status']],
    ['options of a command', ['farlet', 'drain', '--de'], ['--delete', '--delete-emptydir-data']],
    ['values of an option', ['farlet', 'run', '--log-level', 'de'], ['debug']],
    ['values of a short one', ['farlet', 'status', '-o', 'y'], ['yaml']],
    ['shells', ['farlet', 'completion', 'f'], ['fish']],
    ['nothing that does not begin so', ['farlet', 'run', '--force'], []],
  ];
  for (const [name, words, expect] of rows)
    it(name, () => {
      assert.deepEqual(offered(...words), expect);
    });

  it('every command', () => {
    assert.deepEqual(
      offered('farlet', '').filter((word) => !word.startsWith('-')),
      [...commandNames],
    );
  });
});

describe('completion in other shells', () => {
  for (const shell of shells)
    it(`${shell} names every command`, () => {
      for (const name of commandNames) assert.ok(completion(shell).includes(name), name);
    });
});
