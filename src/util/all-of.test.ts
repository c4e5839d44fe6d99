import assert from 'node:assert/strict';
import { it } from 'node:test';
import { allOf } from './all-of.ts';

it('promises by name come to values by name, whichever is first', async () => {
  const late = Promise.withResolvers<string>();
  const all = allOf({ late: late.promise, early: Promise.resolve(1), known: true });
  late.resolve('here');
  assert.deepEqual(await all, { late: 'here', early: 1, known: true });
  await assert.rejects(allOf({ good: Promise.resolve(1), bad: Promise.reject(new Error('no')) }), /no/);
});
