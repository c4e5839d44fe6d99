import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseOptions } from './options.ts';

describe('the flags of the bench', () => {
  it('has defaults for everything', () => {
    const command = parseOptions([]);
    assert.ok(command.kind === 'bench');
    assert.deepEqual(command.options, {
      containerd: '2',
      pods: 50,
      only: new Set(['start', 'burst', 'delete', 'idle']),
      samples: 20,
      rounds: 2,
      widths: [3, 4, 6, 8, 16],
      idleSeconds: 120,
      json: undefined,
    });
  });

  it('takes parts, numbers and a file', () => {
    const command = parseOptions([
      '--only',
      'idle,start',
      '--pods',
      '7',
      '--json',
      'x.json',
      '--widths',
      '2',
    ]);
    assert.ok(command.kind === 'bench');
    const { only, pods, json, widths } = command.options;
    assert.deepEqual([[...only], pods, json, widths], [['idle', 'start'], 7, 'x.json', [2]]);
  });

  for (const [args, message] of [
    [['--containerd', '1.7'], /--containerd 1\.7: there are 1\.6 and 2/],
    [['--only', 'stop'], /--only stop: there are start, burst, delete, idle, link/],
    [['--pods', '0'], /--pods 0: a whole number from 1 to 100/],
    [['--pods', 'many'], /--pods many: a whole number/],
    [['--idle-seconds', '5'], /--idle-seconds 5: a whole number from 60/],
    [['--fast'], /--fast/],
  ] as const) {
    it(`refuses ${args.join(' ')}`, () => {
      assert.throws(() => parseOptions(args), message);
    });
  }

  it('knows when only help is wanted', () => {
    assert.deepEqual(parseOptions(['--help']), { kind: 'help' });
  });
});
