import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock } from '../../testing/fixtures.ts';
import { refusalReason, Refusals, type Shown } from './refusals.ts';

const nothing: Shown = { certificate: undefined, hasToken: false, isUnclear: false };
const settings = { hasClientCa: true, acceptsTokens: true, caProblem: undefined };

describe('why a caller is nobody', () => {
  const rows: [
    string,
    Partial<Shown>,
    Partial<{ hasClientCa: boolean; acceptsTokens: boolean; caProblem: string }>,
    RegExp,
  ][] = [
    [
      'no CA',
      {},
      { hasClientCa: false },
      /the API server's, are not asked for: authentication\.x509\.clientCAFile is not set$/,
    ],
    ['nothing shown', {}, {}, /^it showed neither a client certificate nor a bearer token$/],
    [
      'nothing shown, and a CA that has expired',
      {},
      { caProblem: 'has expired on X' },
      /; the clientCAFile has expired on X$/,
    ],
    [
      'a bad certificate',
      { certificate: 'is refused: it has expired, or the CA that issued it has' },
      {},
      /^its client certificate is refused: it has expired/,
    ],
    [
      'a bad certificate and a bad token',
      { certificate: 'names no user', hasToken: true },
      {},
      /names no user; and the API server does not know its bearer token$/,
    ],
    ['a bad token', { hasToken: true }, {}, /^the API server does not know its bearer token$/],
    [
      'a token that nobody is asked about',
      { hasToken: true },
      { acceptsTokens: false },
      /authentication\.webhook\.enabled is false$/,
    ],
  ];
  for (const [name, shown, more, expect] of rows)
    it(name, () => {
      assert.match(refusalReason({ ...nothing, ...shown }, { ...settings, ...more }), expect);
    });
});

describe('the log of refusals', () => {
  const request = {
    headers: { 'user-agent': `kube\u{1b}[31m${'x'.repeat(500)}`, authorization: 'Bearer s3cret' },
    socket: { remoteAddress: '10.0.0.7' },
  } as never;

  it('has a line a minute, with how many more there were, and no secret', async () => {
    const clock = new FakeClock();
    const lines: { moreSinceLast?: number; userAgent?: string }[] = [];
    const log = { warn: (fields: object) => void lines.push(fields) };
    const refusals = new Refusals({ ...settings, clock, log, caProblem: () => undefined });
    for (let calls = 0; calls < 5; calls += 1) refusals.unauthenticated(request, nothing);
    await clock.advance(60_000);
    refusals.unauthenticated(request, nothing);
    refusals.unauthenticated(request, { ...nothing, isUnclear: true });
    assert.deepEqual(
      lines.map(({ moreSinceLast }) => moreSinceLast),
      [undefined, 4],
    );
    assert.equal(lines[0]?.userAgent?.length, 128);
    assert.ok(!JSON.stringify(lines).includes('s3cret') && !JSON.stringify(lines).includes('\\u001b'));
  });
});
