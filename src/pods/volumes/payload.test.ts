import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KeyToPath } from '../../model/kube.ts';
import { pod } from '../../testing/fixtures.ts';
import { configMapPayload } from './config-map.ts';
import { downwardPayload } from './downward-api.ts';
import { validatePayload, type Payload } from './payload.ts';
import { secretPayload } from './secret.ts';
import { commonUser, tokenAccess } from './token-access.ts';

const shown = (payload: Payload): string[] =>
  [...payload].map(([path, { data, mode }]) => `${path} ${data.toString()} ${mode.toString(8)}`);
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const input = (items?: KeyToPath[], optional = false) => ({ items, defaultMode: 0o644, optional });

describe('keys of objects', () => {
  it('are files, all of them or those that are named', () => {
    const object = { data: { a: '1', b: '2' }, binaryData: { c: base64('3') } };
    assert.deepEqual(shown(configMapPayload(object, input())), ['c 3 644', 'a 1 644', 'b 2 644']);
    const items = [
      { key: 'b', path: 'x/y', mode: 0o400 },
      { key: 'c', path: 'z' },
    ];
    assert.deepEqual(shown(configMapPayload(object, input(items))), ['x/y 2 400', 'z 3 644']);
    assert.deepEqual(shown(secretPayload({ data: { a: base64('1') } }, input())), ['a 1 644']);
    assert.deepEqual(shown(secretPayload(undefined, input(undefined, true))), []);
  });

  it('that are missing fail the volume unless they may be', () => {
    const items = [{ key: 'x', path: 'x' }];
    assert.throws(() => configMapPayload({}, input(items)), {
      message: 'configmap references non-existent config key: x',
    });
    assert.throws(() => secretPayload({}, input(items)), {
      message: 'references non-existent secret key: x',
    });
    assert.deepEqual(shown(configMapPayload({}, input(items, true))), []);
  });
});

describe('paths in a volume', () => {
  const rows: [path: string, outcome: string | RegExp][] = [
    ['a/./b//c', 'a/b/c'],
    ['...', /^invalid path: must not start with '..': ...$/],
    ['', /^invalid path: must not be empty: ""$/],
    ['/a', /^invalid path: must be relative path: \/a$/],
    ['a/../b', /^invalid path: must not contain '..': a\/..\/b$/],
    ['..a/b', /^invalid path: must not start with '..': ..a\/b$/],
    ['x'.repeat(256), /^invalid path: filenames must be less than or equal to 255 characters$/],
    ['x/'.repeat(2050), /^invalid path: must be less than or equal to 4096 characters$/],
  ];
  for (const [path, outcome] of rows)
    it(`${path.slice(0, 12)} is ${String(outcome)}`, () => {
      const validate = (): Payload => validatePayload(new Map([[path, { data: Buffer.from(''), mode: 0 }]]));
      if (typeof outcome === 'string') assert.deepEqual([...validate().keys()], [outcome]);
      else assert.throws(validate, { message: outcome });
    });
});

describe('the downward API', () => {
  const subject = pod({ metadata: { labels: { b: 'y"', a: 'x' } } });
  const given = { defaultMode: 0o644, allocatable: { cpu: '4' } };

  it('shows fields and resources', () => {
    const payload = downwardPayload(
      subject,
      [
        { path: 'l', fieldRef: { fieldPath: 'metadata.labels' } },
        { path: 'cpu', mode: 0o400, resourceFieldRef: { containerName: 'c', resource: 'limits.cpu' } },
      ],
      given,
    );
    assert.deepEqual(shown(payload), ['l a="x"\nb="y\\"" 644', 'cpu 4 400']);
  });

  it('tells all that it can not show', () => {
    const wrong = (fieldPath: string) => ({ path: fieldPath, fieldRef: { fieldPath } });
    assert.throws(
      () => downwardPayload(subject, [wrong('status.x'), wrong('spec.y'), wrong('status.x')], given),
      {
        message: '[unsupported fieldPath: status.x, unsupported fieldPath: spec.y]',
      },
    );
  });
});

describe('access to tokens', () => {
  const as = (...users: (number | undefined)[]) =>
    pod({
      spec: {
        containers: users.map((runAsUser, index) => ({
          name: `c${index}`,
          ...(runAsUser === undefined ? {} : { securityContext: { runAsUser } }),
        })),
      },
    });
  it('is for the one user of all containers', () => {
    assert.equal(commonUser(as(1, 1)), 1);
    assert.equal(commonUser(as(1, 2)), undefined);
    assert.equal(commonUser(as(1, undefined)), undefined);
    const init = pod({
      spec: { ...as(1).spec, initContainers: [{ name: 'i', securityContext: { runAsUser: 2 } }] },
    });
    assert.equal(commonUser(init), undefined);
    assert.deepEqual(tokenAccess(as(1), 0o644), { mode: 0o600, uid: 1 });
    assert.deepEqual(tokenAccess(as(1, 2), 0o644), { mode: 0o644 });
    const grouped = pod({ spec: { securityContext: { fsGroup: 5 } } });
    assert.deepEqual(tokenAccess(grouped, 0o644), { mode: 0o600 });
    assert.deepEqual(tokenAccess(pod({ spec: { securityContext: { runAsUser: 0 } } }), 0o644), {
      mode: 0o600,
      uid: 0,
    });
  });
});
