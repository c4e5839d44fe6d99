import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { rootHealth, singleHealth, type HealthCheck } from './health-checks.ts';

const ping: HealthCheck = { name: 'ping', problem: undefined };
const slow: HealthCheck = { name: 'syncloop', problem: 'sync Loop took longer than expected' };

describe('health checks', () => {
  const rows = [
    { name: 'all is well', checks: [ping], query: '', expect: { code: 200, body: 'ok' } },
    {
      name: 'verbose',
      checks: [ping],
      query: 'verbose',
      expect: { code: 200, body: '[+]ping ok\nhealthz check passed\n' },
    },
    {
      name: 'a failure is told without its reason',
      checks: [ping, slow],
      query: '',
      expect: {
        code: 500,
        body: '[+]ping ok\n[-]syncloop failed: reason withheld\nhealthz check failed\n',
      },
    },
    {
      name: 'the failing one excluded',
      checks: [ping, slow],
      query: 'exclude=syncloop',
      expect: { code: 200, body: 'ok' },
    },
    {
      name: 'an unknown one excluded',
      checks: [ping],
      query: 'verbose&exclude=nope',
      expect: {
        code: 200,
        body: '[+]ping ok\nwarn: some health checks cannot be excluded: no matches for "nope"\nhealthz check passed\n',
      },
    },
  ];
  for (const { name, checks, query, expect } of rows)
    it(name, () => {
      assert.deepEqual(rootHealth(checks, new URLSearchParams(query)), expect);
    });

  it('a single check tells its reason', () => {
    assert.deepEqual(singleHealth(slow), {
      code: 500,
      body: 'internal server error: sync Loop took longer than expected\n',
    });
    assert.deepEqual(singleHealth(ping), { code: 200, body: 'ok' });
  });
});
