import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RestartBackoff } from './restart-backoff.ts';

describe('restarts by a runtime whose clock is another', () => {
  for (const offset of [0, 3_600_000, -3_600_000])
    it(`wait as long at ${String(offset / 1000)} s`, () => {
      const backoff = new RestartBackoff({ maxMs: 300_000, localTime: (at) => at - offset });
      const start = 1_700_000_000_000;
      assert.equal(backoff.next('c', start + offset, start), undefined);
      const held = backoff.next('c', start + 1_000 + offset, start + 2_000);
      assert.deepEqual(held, { delayMs: 10_000, until: start + 11_000 });
      assert.equal(backoff.next('c', start + 1_000 + offset, start + 11_000), undefined);
      assert.equal(backoff.next('c', start + 12_000 + offset, start + 12_000)?.delayMs, 20_000);
    });
});
