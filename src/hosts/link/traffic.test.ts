import assert from 'node:assert/strict';
import { it } from 'node:test';
import { sumOfTraffic } from './traffic.ts';

it('traffic is what went over connections that have ended and those that are open', () => {
  const past = sumOfTraffic({ received: 1, sent: 2 }, { bytesRead: 10, bytesWritten: 20 }, undefined);
  assert.deepEqual(past, { received: 11, sent: 22 });
  assert.deepEqual(
    sumOfTraffic(past, { bytesRead: 100, bytesWritten: 0 }, { bytesRead: 0, bytesWritten: 200 }),
    { received: 111, sent: 222 },
  );
});
