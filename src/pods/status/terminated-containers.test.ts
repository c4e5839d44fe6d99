import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PodStatus } from '../../model/kube.ts';
import { newlyTerminated } from './terminated-containers.ts';

const base = { name: 'c', image: 'i', imageID: 'i', ready: false, restartCount: 0 };
const running = { ...base, state: { running: { startedAt: '2026-01-01T00:00:00Z' } } };
const waiting = { ...base, state: { waiting: { reason: 'CrashLoopBackOff' } } };
const ended = { ...base, state: { terminated: { exitCode: 3, reason: 'Error' } } };
const unexplained = { ...base, state: { terminated: { exitCode: 0 } } };
const told = { type: 'container', exitCode: 3, reason: 'Error' };

describe('containers that have ended', () => {
  const rows: { name: string; before: PodStatus; after: PodStatus; told: object[] }[] = [
    {
      name: 'from running',
      before: { containerStatuses: [running] },
      after: { containerStatuses: [ended] },
      told: [told],
    },
    { name: 'never seen before', before: {}, after: { containerStatuses: [ended] }, told: [told] },
    {
      name: 'told before',
      before: { containerStatuses: [ended] },
      after: { containerStatuses: [ended] },
      told: [],
    },
    {
      name: 'again, after a restart',
      before: { containerStatuses: [waiting] },
      after: { containerStatuses: [ended] },
      told: [told],
    },
    {
      name: 'not at all',
      before: { containerStatuses: [waiting] },
      after: { containerStatuses: [running] },
      told: [],
    },
    {
      name: 'of each list, with no reason',
      before: {},
      after: { initContainerStatuses: [unexplained], ephemeralContainerStatuses: [ended] },
      told: [
        { type: 'init_container', exitCode: 0, reason: '' },
        { ...told, type: 'ephemeral_container' },
      ],
    },
  ];
  for (const row of rows)
    it(row.name, () => {
      assert.deepEqual(newlyTerminated(row.before, row.after), row.told);
    });
});
