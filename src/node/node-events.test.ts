import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { NodeStatus } from '../model/kube.ts';
import { conditionEvents } from './node-events.ts';

/** By type; what is left out is not there. */
function status(conditions: Record<string, string>): NodeStatus {
  return { conditions: Object.entries(conditions).map(([type, value]) => ({ type, status: value })) };
}

const calm = { MemoryPressure: 'False', DiskPressure: 'False', PIDPressure: 'False' };

describe("events of a Node's conditions", () => {
  const rows: [string, Record<string, string>, Record<string, string>, string[]][] = [
    ['nothing changed', { ...calm, Ready: 'True' }, { ...calm, Ready: 'True' }, []],
    [
      'a node that is new',
      {},
      { ...calm, Ready: 'False' },
      ['NodeHasSufficientMemory', 'NodeHasNoDiskPressure', 'NodeHasSufficientPID', 'NodeNotReady'],
    ],
    ['ready', { ...calm, Ready: 'False' }, { ...calm, Ready: 'True' }, ['NodeReady']],
    [
      'marked unknown by the node controller',
      { ...calm, Ready: 'Unknown' },
      { ...calm, Ready: 'True' },
      ['NodeReady'],
    ],
    ['memory', calm, { ...calm, MemoryPressure: 'True' }, ['NodeHasInsufficientMemory']],
    ['memory again', { ...calm, MemoryPressure: 'True' }, calm, ['NodeHasSufficientMemory']],
    ['disk', calm, { ...calm, DiskPressure: 'True' }, ['NodeHasDiskPressure']],
    ['disk again', { ...calm, DiskPressure: 'True' }, calm, ['NodeHasNoDiskPressure']],
    ['process ids', calm, { ...calm, PIDPressure: 'True' }, ['NodeHasInsufficientPID']],
    ['process ids again', { ...calm, PIDPressure: 'True' }, calm, ['NodeHasSufficientPID']],
  ];
  for (const [name, before, after, expect] of rows)
    it(name, () => {
      const told = conditionEvents(status(before), status(after)).map(({ reason }) => reason);
      assert.deepEqual(told, expect);
    });
});
