import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseOptions } from './options.ts';

describe('the flags of the simulation', () => {
  it('have defaults', () => {
    const command = parseOptions([]);
    assert.ok(command.kind === 'simulate');
    const { sizes, pods, seconds, apiLatencyMs, events } = command.options;
    assert.deepEqual([sizes, pods, seconds, apiLatencyMs, events], [[100], 50, 300, 20, false]);
  });

  it('may name several sizes', () => {
    const command = parseOptions(['--hosts', '1,10', '--events']);
    assert.ok(command.kind === 'simulate');
    const { sizes, events } = command.options;
    assert.deepEqual([sizes, events], [[1, 10], true]);
  });

  it('say what is wrong with them', () => {
    assert.throws(() => parseOptions(['--pods', '101']), /--pods 101: a whole number from 1 to 100/);
    assert.throws(() => parseOptions(['--hosts', '1,0']), /--hosts 0: a whole number from 1/);
    assert.throws(() => parseOptions(['--seconds', '2m']), /--seconds 2m: a whole number/);
  });
});
