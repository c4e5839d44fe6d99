import assert from 'node:assert/strict';
import { it } from 'node:test';
import { pod } from '../testing/fixtures.ts';
import { UnknownPods } from './unknown-pods.ts';
import type { WorkerState } from './workers/worker-state.ts';

interface Case {
  readonly name: string;
  readonly at?: WorkerState['at'];
  readonly inTable?: boolean;
  readonly haveAll?: boolean;
  readonly unsettled?: boolean;
  readonly reason?: string;
  /** unknown, forgettable, reclaimable, over */
  readonly expect: readonly [boolean, boolean, boolean, boolean];
}

const cases: readonly Case[] = [
  { name: 'nobody’s', expect: [true, true, true, true] },
  { name: 'anybody’s before all sources have told', haveAll: false, expect: [false, false, false, true] },
  { name: 'one that a source tells of', inTable: true, expect: [false, false, false, true] },
  { name: 'one that may be this host’s', unsettled: true, expect: [false, false, false, true] },
  { name: 'one that is to run', at: 'syncing', expect: [false, false, false, false] },
  { name: 'one that is being stopped', at: 'stopping', expect: [false, false, false, false] },
  { name: 'one whose last things are done', at: 'finishing', expect: [false, false, false, false] },
  { name: 'one that has ended', at: 'finished', expect: [false, false, true, true] },
  { name: 'one that was evicted', at: 'finished', reason: 'Evicted', expect: [false, true, true, true] },
];

for (const { name, at, inTable, haveAll = true, unsettled = false, reason, expect } of cases)
  it(`of ${name}: unknown, forgettable, reclaimable, over: ${expect.join(', ')}`, () => {
    const own = pod();
    const state =
      at === undefined ? undefined : at === 'stopping' ? { at, pod: own, graceSeconds: 1 } : { at, pod: own };
    const pods = new UnknownPods({
      table: { get: () => (inTable === true ? own : undefined) },
      workers: { state: () => state },
      haveAllSources: () => haveAll,
      isUnsettled: () => unsettled,
      reasonOf: () => reason,
    });
    assert.deepEqual(
      [pods.isUnknown('u'), pods.isForgettable('u'), pods.isReclaimable('u'), pods.isOver('u')],
      expect,
    );
  });
