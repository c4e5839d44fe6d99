import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseOptions, type BesideOptions } from './options.ts';

function optionsOf(...args: string[]): BesideOptions {
  const command = parseOptions(['--beside-kubelet', ...args]);
  assert.ok(command.kind === 'beside');
  return command.options;
}

describe('the flags of the bench with a kubelet beside', () => {
  it('has defaults for everything', () => {
    assert.deepEqual(optionsOf(), {
      only: new Set(['bare', 'plain', 'usual', 'idle', 'churn']),
      rounds: 5,
      samples: 10,
      pods: 40,
      widths: [4, 8],
      running: 50,
      idleSeconds: 60,
      json: undefined,
    });
  });

  it('takes a quick look, but for what is said otherwise', () => {
    const { rounds, pods, running, idleSeconds } = optionsOf('--quick', '--rounds', '3');
    assert.deepEqual([rounds, pods, running, idleSeconds], [3, 10, 10, 15]);
  });

  it('takes parts, numbers and a file', () => {
    const { only, widths, json } = optionsOf('--only', 'churn,plain', '--widths', '2', '--json', 'x.json');
    assert.deepEqual([[...only], widths, json], [['churn', 'plain'], [2], 'x.json']);
  });

  for (const [args, message] of [
    [['--only', 'link'], /--only link: there are bare, plain, usual, idle, churn/],
    [['--rounds', '0'], /--rounds 0: a whole number from 1 to 100/],
    [['--running', '100'], /--running 100: a whole number from 10 to 60/],
    [['--idle-seconds', '5'], /--idle-seconds 5: a whole number from 10/],
    [['--containerd', '1.6'], /--containerd/],
  ] as const)
    it(`refuses ${args.join(' ')}`, () => {
      assert.throws(() => optionsOf(...args), message);
    });

  it('knows when only help is wanted', () => {
    assert.deepEqual(parseOptions(['--beside-kubelet', '--help']), { kind: 'help' });
  });
});
