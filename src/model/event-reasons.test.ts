import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { nodeConditionTable, podConditionTable } from './condition-reasons.ts';
import { eventTable, eventWords } from './event-reasons.ts';
import type { EventRow } from './event-row.ts';

const tables = [
  'event-reasons',
  'admission-reasons',
  'pod-event-reasons',
  'node-event-reasons',
  'condition-reasons',
];
const root = new URL('..', import.meta.url).pathname;
const sources = globSync('**/*.ts', { cwd: root })
  .filter((file) => !file.endsWith('.test.ts') && !tables.some((table) => file === `model/${table}.ts`))
  .map((file) => readFileSync(`${root}${file}`, 'utf8'))
  .join('\n');

function isUsed(reason: string): boolean {
  return sources.includes(`'${reason}'`);
}

describe('the reasons of events', () => {
  it('decide the type', () => {
    assert.deepEqual(eventWords('Pulled'), { type: 'Normal', reason: 'Pulled' });
    assert.deepEqual(eventWords('Unhealthy'), { type: 'Warning', reason: 'Unhealthy' });
  });

  it('that stand for two things show one word', () => {
    assert.deepEqual(eventWords('BackOffPull'), { type: 'Normal', reason: 'BackOff' });
    assert.deepEqual(eventWords('BackOffRestart'), { type: 'Warning', reason: 'BackOff' });
    assert.deepEqual(eventWords('NodeNotReady'), { type: 'Normal', reason: 'NodeNotReady' });
    assert.deepEqual(eventWords('NodeNotReadyOfPod'), { type: 'Warning', reason: 'NodeNotReady' });
  });

  it('may name any resource', () => {
    assert.deepEqual(eventWords('OutOfexample.com/gpu'), { type: 'Warning', reason: 'OutOfexample.com/gpu' });
  });

  it('of farlet say what to do, or need nothing done', () => {
    const silent = Object.entries<EventRow>(eventTable)
      .filter(([, { source, advice }]) => source === 'farlet' && advice === undefined)
      .map(([reason]) => reason);
    assert.deepEqual(silent, ['HostLostEviction', 'HostDraining']);
  });

  for (const reason of Object.keys(eventTable).filter((key) => key !== 'OutOf<resource>'))
    it(`${reason} is recorded somewhere`, () => {
      assert.ok(isUsed(reason));
    });
});

describe('the reasons of conditions', () => {
  const types: [string, object][] = [
    ...Object.entries(nodeConditionTable),
    ...Object.entries(podConditionTable),
  ];
  for (const [type, reasons] of types)
    it(`of ${type} are set somewhere`, () => {
      assert.ok(isUsed(type));
      assert.deepEqual(
        Object.keys(reasons).filter((reason) => !isUsed(reason)),
        [],
      );
    });
});
