import assert from 'node:assert/strict';
import { it } from 'node:test';
import { allCalls, beyond, useBetween, type Reading } from './use.ts';

const reading = (change: Partial<Reading>): Reading => ({
  atMs: 1_000,
  cpuMs: 500,
  sentBytes: 10,
  receivedBytes: 20,
  calls: new Map([['update leases', 3]]),
  ...change,
});

const use = useBetween(
  reading({}),
  reading({
    atMs: 61_000,
    cpuMs: 1_700,
    sentBytes: 6_010,
    receivedBytes: 1_220,
    calls: new Map([
      ['update leases', 9],
      ['patch pods/status', 80],
    ]),
  }),
);

it('what is used lies between two readings', () => {
  assert.deepEqual(use, {
    seconds: 60,
    cpuMs: 1_200,
    sentBytes: 6_000,
    receivedBytes: 1_200,
    calls: { 'update leases': 6, 'patch pods/status': 80 },
  });
  assert.equal(allCalls(use), 86);
});

it('calls that were not made in between are not told', () => {
  assert.deepEqual(useBetween(reading({}), reading({ atMs: 2_000 })).calls, {});
});

it('what an agent uses anyway is taken off for as long as it was looked at', () => {
  const rest = {
    seconds: 30,
    cpuMs: 300,
    sentBytes: 1_000,
    receivedBytes: 100,
    calls: { 'update leases': 3, 'get nodes': 1 },
  };
  assert.deepEqual(beyond(use, rest), {
    seconds: 60,
    cpuMs: 600,
    sentBytes: 4_000,
    receivedBytes: 1_000,
    calls: { 'update leases': 0, 'patch pods/status': 80, 'get nodes': -2 },
  });
});
