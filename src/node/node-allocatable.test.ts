import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nodeAllocatable } from './node-object.ts';

const nothing = { systemReserved: {}, kubeReserved: {}, evictionHard: {} };
const capacity = { cpu: '4', memory: '8Gi', 'ephemeral-storage': '100Gi', pods: '110' };

describe('what a node has for pods', () => {
  const rows: [string, Partial<typeof nothing>, Record<string, string>, Record<string, string>][] = [
    ['all of it', {}, {}, { cpu: '4', memory: '8Gi', pods: '110' }],
    [
      'less both reservations',
      {
        systemReserved: { cpu: '500m', memory: '1Gi' },
        kubeReserved: { cpu: '250m', memory: '1Gi', 'ephemeral-storage': '10Gi' },
      },
      {},
      { cpu: '3250m', memory: '6Gi', 'ephemeral-storage': '90Gi' },
    ],
    [
      'less what eviction keeps free',
      { evictionHard: { 'memory.available': '1Gi', 'nodefs.available': '10%' } },
      {},
      // 10 % as a float32, as the kubelet has it
      { memory: '7Gi', 'ephemeral-storage': '96636764k' },
    ],
    ['less huge pages', {}, { 'hugepages-2Mi': '2Gi' }, { memory: '6Gi', 'hugepages-2Mi': '2Gi' }],
    [
      'never less than nothing',
      { systemReserved: { cpu: '5', memory: '9Gi' } },
      {},
      { cpu: '0', memory: '0' },
    ],
    [
      'exactly, whatever the size',
      { systemReserved: { cpu: '1u', memory: '1', 'ephemeral-storage': '9007199254740993' } },
      { memory: '9007199254740995Ki', 'ephemeral-storage': '18014398509481987' },
      { cpu: '3999999u', memory: '9223372036854775806', 'ephemeral-storage': '9007199254740994' },
    ],
    ['names that every object has', {}, { constructor: '3' }, { constructor: '3' }],
    ['extended resources as they are', {}, { 'example.com/gpu': '2' }, { 'example.com/gpu': '2' }],
  ];
  for (const [what, reserved, more, expected] of rows)
    it(what, () => {
      const found = nodeAllocatable({ ...nothing, ...reserved }, { ...capacity, ...more });
      for (const [name, amount] of Object.entries(expected)) assert.equal(found[name], amount, name);
    });
});
