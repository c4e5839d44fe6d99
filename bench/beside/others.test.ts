import assert from 'node:assert/strict';
import { it } from 'node:test';
import { othersShare } from './others.ts';

it('others have what is neither idle nor our own', () => {
  const before = { all: 100, idle: 40, own: 10 };
  assert.equal(othersShare(before, { all: 200, idle: 70, own: 60 }), 0.2);
  assert.equal(othersShare(before, { all: 200, idle: 90, own: 60.1 }), 0, 'clocks differ by a little');
});
