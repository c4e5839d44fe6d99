import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { heldResources, labelsOf, poolProblems, sharedPressures, sumResources } from './pool-status.ts';

describe('what a pool says of itself', () => {
  const sums: [string, Record<string, string>[], Record<string, string>][] = [
    ['one host stays as it is', [{ cpu: '1500m', memory: '1Gi' }], { cpu: '1500m', memory: '1Gi' }],
    [
      'two are added',
      [
        { cpu: '2', memory: '10Ki', pods: '110' },
        { cpu: '1500m', memory: '5Ki', pods: '110' },
      ],
      { cpu: '3500m', memory: '15Ki', pods: '220' },
    ],
    [
      'what one alone has',
      [{ cpu: '2' }, { cpu: '2', 'hugepages-2Mi': '4Mi' }],
      { cpu: '4', 'hugepages-2Mi': '4Mi' },
    ],
    ['none', [], {}],
  ];
  for (const [name, all, expect] of sums)
    it(`sums: ${name}`, () => {
      assert.deepEqual(sumResources(all), expect);
    });

  it('counts a host that takes nothing more with what it holds', () => {
    assert.deepEqual(
      heldResources({ cpu: '2', memory: '10Ki', pods: '110' }, [
        new Map([
          ['cpu', 250n],
          ['memory', 1024n],
        ]),
        new Map([['cpu', 250n]]),
      ]),
      { cpu: '500m', memory: '1Ki', pods: '2' },
    );
  });

  it('is Ready while one host is, and short of what all usable hosts are short of', () => {
    const [well, lost] = [
      { name: 'a', problems: [], pressures: ['DiskPressure'] as const },
      { name: 'b', problems: ['gone'], pressures: [] },
    ];
    assert.deepEqual(poolProblems([well, lost]), []);
    assert.deepEqual(poolProblems([lost, { ...lost, name: 'c' }]), ['host b: gone', 'host c: gone']);
    assert.deepEqual(poolProblems([lost]), ['gone']);
    assert.deepEqual(sharedPressures([well, lost]), ['DiskPressure']);
    assert.deepEqual(sharedPressures([well, { ...well, pressures: [] }]), []);
  });
});

describe('labels of a node as one host has them', () => {
  const pool = { 'host.farlet.dev/a': 'true', 'host.farlet.dev/b': 'true', 'farlet.dev/rack': '7' };
  const own = { 'farlet.dev/host': 'a', 'host.farlet.dev/a': 'true', 'farlet.dev/rack': '7' };

  it('are those of the node and its own, none of the other hosts', () => {
    const node = { ...pool, zone: 'z', 'host.farlet.dev/gone': 'true' };
    assert.deepEqual(labelsOf({ labels: own }, { node, pool }), { zone: 'z', ...own });
  });

  it('are its own before there is a node', () => {
    assert.deepEqual(labelsOf({ labels: own }, { node: undefined, pool }), own);
  });
});
