import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { digestOf, openDigest } from './payload-digest.ts';
import type { Payload, PayloadFile } from './payload.ts';

const file = (text: string, more: Partial<PayloadFile> = {}): PayloadFile => ({
  data: Buffer.from(text),
  mode: 0o644,
  ...more,
});
const payload = (files: Readonly<Record<string, PayloadFile>>): Payload => new Map(Object.entries(files));
const base = payload({ a: file('1'), b: file('2') });
const withToken = payload({ a: file('1'), t: file('old', { hidden: 'token' }) });

type Same = 'both' | 'open' | 'neither';
const cases: [name: string, left: Payload, right: Payload, same: Same][] = [
  ['whatever their order', base, payload({ b: file('2'), a: file('1') }), 'both'],
  ['whatever their modes', base, payload({ a: file('1', { mode: 0o600 }), b: file('2') }), 'both'],
  ['not with other contents', base, payload({ a: file('1'), b: file('3') }), 'neither'],
  ['not with other names', base, payload({ a: file('1'), c: file('2') }), 'neither'],
  ['not with fewer', base, payload({ a: file('1') }), 'neither'],
  ['not where contents look like the next name', payload({ a: file('1b\x002') }), base, 'neither'],
  [
    'openly, with another token',
    withToken,
    payload({ a: file('1'), t: file('new', { hidden: 'token' }) }),
    'open',
  ],
  ['not with a file in a token’s place', withToken, payload({ a: file('1'), t: file('') }), 'neither'],
];

describe('digests of a payload', () => {
  for (const [name, left, right, same] of cases)
    it(`are the same, ${name}`, () => {
      assert.equal(digestOf(left) === digestOf(right), same === 'both');
      assert.equal(openDigest(left) === openDigest(right), same !== 'neither');
    });

  it('are not told openly of what holds a secret', () => {
    assert.equal(openDigest(payload({ a: file('1'), s: file('x', { hidden: 'secret' }) })), undefined);
  });

  it('are openly 32 hexadecimal digits', () => {
    assert.match(openDigest(base) ?? '', /^[0-9a-f]{32}$/);
  });
});
