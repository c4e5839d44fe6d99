import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { admin, ca, plain } from '../testing/certificates.ts';
import { credentialsProblem, serverProblem, type Presented } from './usable-credentials.ts';

const withToken: Presented = { tls: { ca }, hasToken: true };
const withPair: Presented = { tls: { ca, ...admin }, hasToken: false };

describe('credentials that were read again', () => {
  const rows: [name: string, before: Presented, next: Presented, problem: RegExp | undefined][] = [
    ['another token', withToken, withToken, undefined],
    ['another pair', withPair, { tls: { ca, ...plain }, hasToken: false }, undefined],
    ['a token in place of a pair', withPair, withToken, undefined],
    ['an empty token file', withToken, { tls: { ca }, hasToken: false }, /^neither a token nor/],
    ['none, as before', { tls: {}, hasToken: false }, { tls: {}, hasToken: false }, undefined],
    [
      'a certificate whose key is yet to come',
      withPair,
      { tls: { ca, cert: plain.cert, key: admin.key }, hasToken: false },
      /do not go together$/,
    ],
    [
      'a certificate that is half there',
      withPair,
      { tls: { ca, cert: admin.cert.slice(0, 200), key: admin.key }, hasToken: false },
      /^the client certificate can't be used/,
    ],
    [
      'an authority that is half there',
      withToken,
      { tls: { ca: ca.slice(0, 200) }, hasToken: true },
      /authority/,
    ],
    ['no authority', withToken, { tls: {}, hasToken: true }, undefined],
  ];
  for (const [name, before, next, problem] of rows)
    it(name, () => {
      const found = credentialsProblem(before, next);
      if (problem === undefined) assert.equal(found, undefined);
      else assert.match(found ?? '', problem);
    });

  it('are not for another server', () => {
    assert.equal(serverProblem('https://a:6443', 'https://a:6443'), undefined);
    assert.match(serverProblem('https://a:6443', 'https://b:6443') ?? '', /may be another cluster: restart/);
  });
});
