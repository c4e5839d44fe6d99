import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nodeAllocatable } from './node-object.ts';

const nothing = { systemReserved: {}, kubeReserved: {}, evictionHard: {} };
const capacity = { cpu: '4', memory: '8Gi', 'ephemeral-storage': '100Gi', pods: '110' };

describe('what a node has for pods', () => {
  const rows: [string, Partial<typeof nothing>, Record<string, string>, Record<string, string>][] = [
    ['all of it', {}, {}, { cpu: '4', memory: '8388608Ki', pods: '110' }],
    [
      'less both reservations',
      {
        systemReserved: { cpu: '500m', memory: '1Gi' },
        kubeReserved: { cpu: '250m', memory: '1Gi', 'ephemeral-storage': '10Gi' },
      },
      {},
      { cpu: '3250m', memory: '6291456Ki', 'ephemeral-storage': String(90 * 2 ** 30) },
    ],
    [
      'less what eviction keeps free',
      { evictionHard: { 'memory.available': '1Gi', 'nodefs.available': '10%' } },
      {},
      { memory: '7340032Ki', 'ephemeral-storage': String(90 * 2 ** 30) },
    ],
    [
      'less huge pages',
      {},
      { 'hugepages-2Mi': '2Gi' },
      { memory: '6291456Ki', 'hugepages-2Mi': String(2 ** 31) },
    ],
    [
      'never less than nothing',
      { systemReserved: { cpu: '5', memory: '9Gi' } },
      {},
      { cpu: '0', memory: '0Ki' },
    ],
    ['extended resources as they are', {}, { 'example.com/gpu': '2' }, { 'example.com/gpu': '2' }],
  ];
  for (const [what, reserved, more, expected] of rows)
    it(what, () => {
      const found = nodeAllocatable({ ...nothing, ...reserved }, { ...capacity, ...more });
      for (const [name, amount] of Object.entries(expected)) assert.equal(found[name], amount, name);
    });
});
