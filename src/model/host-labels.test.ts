import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { drainedHosts, poolLabels } from './host-labels.ts';

describe('poolLabels', () => {
  const a = { name: 'a', labels: { 'farlet.dev/site': 'x', 'farlet.dev/disk': 'ssd' } };
  const b = {
    name: 'b',
    labels: { 'farlet.dev/site': 'x', 'farlet.dev/disk': 'hdd', 'farlet.dev/gpu': 'yes' },
  };

  it('has the labels of one host, and its name', () => {
    assert.deepEqual(poolLabels([a]), { ...a.labels, 'farlet.dev/host': 'a', 'host.farlet.dev/a': 'true' });
  });
  it('has of several what they do not differ in', () => {
    assert.deepEqual(poolLabels([a, b]), {
      'farlet.dev/site': 'x',
      'farlet.dev/gpu': 'yes',
      'host.farlet.dev/a': 'true',
      'host.farlet.dev/b': 'true',
    });
  });
});

describe('drainedHosts', () => {
  const rows: [string | undefined, string[]][] = [
    [undefined, []],
    ['', []],
    ['a', ['a']],
    [' a, b,', ['a', 'b']],
  ];
  for (const [text, expect] of rows)
    it(JSON.stringify(text ?? null), () => {
      assert.deepEqual(
        [...drainedHosts(text === undefined ? undefined : { 'farlet.dev/drain': text })],
        expect,
      );
    });
});
