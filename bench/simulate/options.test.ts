import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseOptions } from './options.ts';

describe('the flags of the simulation', () => {
  it('have defaults', () => {
    const command = parseOptions([]);
    assert.ok(command.kind === 'simulate');
    const { hosts, pods, seconds, apiLatencyMs } = command.options;
    assert.deepEqual([hosts, pods, seconds, apiLatencyMs], [100, 50, 300, 20]);
  });

  it('say what is wrong with them', () => {
    assert.throws(() => parseOptions(['--pods', '101']), /--pods 101: a whole number from 1 to 100/);
    assert.throws(() => parseOptions(['--seconds', '2m']), /--seconds 2m: a whole number/);
  });
});
