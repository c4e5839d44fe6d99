import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { queryOf, queryTexts, requestTarget, routable, streamTarget } from './request-target.ts';

describe('request target', () => {
  const rows: [string, ReturnType<typeof streamTarget>][] = [
    ['/exec/ns/p/c', { kind: 'exec', target: { namespace: 'ns', pod: 'p', uid: undefined, container: 'c' } }],
    [
      '/attach/ns/p/u-1/c/',
      { kind: 'attach', target: { namespace: 'ns', pod: 'p', uid: 'u-1', container: 'c' } },
    ],
    [
      '/portForward/ns/p',
      { kind: 'portForward', target: { namespace: 'ns', pod: 'p', uid: undefined, container: undefined } },
    ],
    [
      '/portForward/ns/p/u-1',
      { kind: 'portForward', target: { namespace: 'ns', pod: 'p', uid: 'u-1', container: undefined } },
    ],
    ['/portforward/ns/p', undefined],
    ['/portForward/ns/p/u/c', undefined],
    ['/exec/ns/p', undefined],
    ['/exec/ns//c', undefined],
    ['/exec/ns/p/u/c/d', undefined],
    ['//exec/ns/p/c', undefined],
    // decoded by then: a slash is a slash
    ['/exec/ns/p/a/b', { kind: 'exec', target: { namespace: 'ns', pod: 'p', uid: 'a', container: 'b' } }],
  ];
  for (const [path, expect] of rows)
    it(path, () => {
      assert.deepEqual(streamTarget(path), expect);
    });

  const targets: [string, ReturnType<typeof requestTarget>, string?][] = [
    ['/logs/../metrics?x=1', { path: '/logs/../metrics', query: 'x=1' }],
    ['//x/metrics', { path: '//x/metrics', query: '' }],
    ['/%6cogs/%2e%2E?a=%zz', { path: '/logs/..', query: 'a=%zz' }, '/logs/..?a=%zz'],
    ['/exec/ns%2Fp/c', { path: '/exec/ns/p/c', query: '' }, '/exec/ns/p/c'],
    ['/a%3Fb%23c%3B;?d?e', { path: '/a?b#c;;', query: 'd?e' }, '/a%3Fb%23c%3B%3B?d?e'],
    ['/a#b', { path: '/a#b', query: '' }, '/a%23b'],
    ['/%25zz', { path: '/%zz', query: '' }],
    ['/a+b%2B', { path: '/a+b+', query: '' }, '/a%2Bb%2B'],
    ['/\xc3\xa9%C3%A9', { path: '/éé', query: '' }, '/%C3%A9%C3%A9'],
    ['http://host/x/y?z', { path: '/x/y', query: 'z' }, '/x/y?z'],
    ['HTTPS://u:p@host:1', { path: '/', query: '' }],
    ['x:/y', { path: '/y', query: '' }],
    ['/x://y', { path: '/x://y', query: '' }, '/x%3A//y'],
    ['x:y', undefined],
    ['y', undefined],
    ['', undefined],
    ['*', undefined],
    ['/%', undefined],
    ['/%4', undefined],
    ['/%g0', undefined],
    ['/\0', undefined],
    ['/\x7f', undefined],
  ];
  for (const [url, expect, router] of targets)
    it(`${JSON.stringify(url)} as Go reads it`, () => {
      const target = requestTarget(url);
      assert.deepEqual(target, expect);
      if (target === undefined) return;
      const again = routable(target);
      assert.equal(again, router ?? again);
      assert.deepEqual(requestTarget(again), target, 'a router understands the same');
    });

  it('queries as Go reads them', () => {
    assert.deepEqual(
      [...queryOf('/a?command=x&command=y%20z&a+b=c%2b&&d&e;f=1&%zz=1&g=%zz&h=1=2&=i')],
      [
        ['command', 'x'],
        ['command', 'y z'],
        ['a b', 'c+'],
        ['d', ''],
        ['h', '1=2'],
        ['', 'i'],
      ],
    );
    assert.equal([...queryOf('/a')].length, 0);
    assert.equal([...queryOf(`/a?${'a&'.repeat(10_001)}`)].length, 0, 'too many are none');
  });

  it('values that are no text keep their bytes', () => {
    assert.deepEqual(queryTexts('/a?b=x%ff&c=1&b=\xc3\xa9%c3', 'b'), ['x\udcff', 'é\udcc3']);
  });
});
