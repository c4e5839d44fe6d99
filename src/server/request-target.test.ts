import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pathOf, queryOf, streamTarget } from './request-target.ts';

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
    ['/exec/ns/p/%zz', undefined],
    ['//exec/ns/p/c', undefined],
    [
      '/exec/ns/p/a%2Fb',
      { kind: 'exec', target: { namespace: 'ns', pod: 'p', uid: undefined, container: 'a/b' } },
    ],
  ];
  for (const [path, expect] of rows)
    it(path, () => {
      assert.deepEqual(streamTarget(path), expect);
    });

  it('takes path and query as they are', () => {
    assert.equal(pathOf('/logs/../metrics?x=1'), '/logs/../metrics');
    assert.equal(pathOf('//x/metrics'), '//x/metrics');
    assert.deepEqual(
      [...queryOf('/a?command=x&command=y%20z')],
      [
        ['command', 'x'],
        ['command', 'y z'],
      ],
    );
    assert.equal([...queryOf('/a')].length, 0);
  });
});
