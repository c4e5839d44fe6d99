import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pod } from '../testing/fixtures.ts';
import { msToDeadline } from './active-deadline.ts';

const startTime = '2026-01-01T00:00:00Z';
const started = Date.parse(startTime);

describe('the active deadline', () => {
  for (const { name, seconds, status, now, expected } of [
    { name: 'lies ahead', seconds: 60, status: { startTime }, now: started + 20_000, expected: 40_000 },
    {
      name: 'is over to the millisecond',
      seconds: 60,
      status: { startTime },
      now: started + 60_000,
      expected: 0,
    },
    { name: 'was missed', seconds: 60, status: { startTime }, now: started + 61_000, expected: -1_000 },
    { name: 'is not known before the start', seconds: 60, status: {}, now: started, expected: undefined },
    { name: 'is not set', seconds: undefined, status: { startTime }, now: started, expected: undefined },
  ])
    it(name, () => {
      const spec = seconds === undefined ? {} : { activeDeadlineSeconds: seconds };
      assert.equal(msToDeadline(pod({ spec }), status, now), expected);
    });
});
