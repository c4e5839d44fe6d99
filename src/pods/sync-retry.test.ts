import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SyncStep } from '../runtime/spec/steps.ts';
import { errorRetryMs, networkRetryMs, retryAfterSync } from './sync-retry.ts';

const now = 1_000_000;
const done: SyncStep = { action: 'create-sandbox', target: 'web' };
const failed = (retryAt?: number): SyncStep => ({
  action: 'start-container',
  target: 'c',
  error: { code: 'x', message: 'x', cause: undefined, ...(retryAt === undefined ? {} : { retryAt }) },
});

describe('the next try', () => {
  const rows: { name: string; steps: SyncStep[]; error?: Error; expected: number | undefined }[] = [
    { name: 'is not needed where nothing failed', steps: [done], expected: undefined },
    { name: 'is not needed where nothing was done', steps: [], expected: undefined },
    { name: 'waits for a back-off', steps: [done, failed(now + 20_000)], expected: 20_000 },
    {
      name: 'waits for the first of several back-offs',
      steps: [failed(now + 20_000), failed(now + 15_000)],
      expected: 15_000,
    },
    { name: 'waits a minute at most', steps: [failed(now + 300_000)], expected: 60_000 },
    { name: 'comes soon, not at once, for a back-off that is over', steps: [failed(now - 5)], expected: 10 },
    { name: 'waits as after any error for a step that knows no time', steps: [failed()], expected: 12_500 },
    {
      name: 'waits so too beside a step that knows its time',
      steps: [failed(now + 20_000), failed()],
      expected: 12_500,
    },
    { name: 'waits so too for a failure of no step', steps: [done], error: new Error('x'), expected: 12_500 },
    {
      name: 'waits so too for a failure of no step beside a back-off',
      steps: [failed(now + 20_000)],
      error: new Error('x'),
      expected: 12_500,
    },
  ];
  for (const { name, steps, error, expected } of rows)
    it(name, () => {
      const result = { steps, ...(error === undefined ? {} : { error }) };
      assert.equal(
        retryAfterSync(result, now, () => 0.5),
        expected,
      );
    });

  it('is spread over half as much again', () => {
    for (const [wait, base] of [
      [errorRetryMs, 10_000],
      [networkRetryMs, 1_000],
    ] as const)
      assert.deepEqual([wait(() => 0), wait(() => 1)], [base, base * 1.5]);
  });
});
