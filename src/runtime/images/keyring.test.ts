import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Secret } from '../../model/kube.ts';
import { credentialsFor } from './keyring.ts';

function secret(auths: Record<string, object | null>, name = 's'): Secret {
  return {
    metadata: { name, namespace: 'ns' },
    type: 'kubernetes.io/dockerconfigjson',
    data: { '.dockerconfigjson': btoa(JSON.stringify({ auths })) },
  };
}
const as = (username: string): object => ({ username, password: 'p' });

describe('credentials', () => {
  const rows: [name: string, repository: string, keys: string[], users: string[]][] = [
    ['host', 'r.io/a', ['r.io'], ['r.io']],
    ['other host', 'r.io/a', ['x.io'], []],
    [
      'scheme and version',
      'r.io/a',
      ['https://r.io/v1/', 'http://r.io/v2/'],
      ['https://r.io/v1/', 'http://r.io/v2/'],
    ],
    ['longest first', 'r.io/a/b', ['r.io', 'r.io/a/b', 'r.io/a'], ['r.io/a/b', 'r.io/a', 'r.io']],
    ['path is no prefix', 'r.io/a', ['r.io/b'], []],
    ['port', 'r.io:5000/a', ['r.io', 'r.io:5000'], ['r.io:5000']],
    ['wildcard', 'eu.r.io/a', ['*.r.io', '*.io', 'e*.r.io'], ['e*.r.io', '*.r.io']],
    ['stars do not overlap', 'ab.io/a', ['*ab*b.io', 'a*b*.io', 'ab*b.io'], ['a*b*.io']],
    ['wildcard is one label', 'a.b.r.io/x', ['*.r.io'], []],
    ['hub', 'docker.io/library/b', ['https://index.docker.io/v1/'], ['https://index.docker.io/v1/']],
    ['hub by its name', 'docker.io/library/b', ['docker.io', 'index.docker.io'], ['docker.io']],
    ['hub is not for others', 'r.io/a', ['index.docker.io'], []],
  ];
  for (const [name, repository, keys, users] of rows)
    it(name, () => {
      const auths = Object.fromEntries(keys.map((key) => [key, as(key)]));
      assert.deepEqual(
        credentialsFor(repository, [secret(auths)]).map(({ auth }) => auth.username),
        users,
      );
    });

  it('reads auth, with and without padding, before the plain fields', () => {
    const auths = { 'r.io': { ...as('x'), auth: btoa('me:se:cret').replace(/=+$/, '') } };
    assert.deepEqual(
      credentialsFor('r.io/a', [secret(auths)]).map(({ auth }) => auth),
      [{ username: 'me', password: 'se:cret' }],
    );
  });

  it('tries equal keys in the order of the secrets, and reads the old form', () => {
    const legacy: Secret = {
      type: 'kubernetes.io/dockercfg',
      data: { '.dockercfg': btoa(JSON.stringify({ 'r.io': as('old') })) },
    };
    const users = credentialsFor('r.io/a', [
      secret({ 'r.io': as('one') }),
      legacy,
      { type: 'Opaque', data: {} },
    ]);
    assert.deepEqual(
      users.map(({ auth }) => auth.username),
      ['one', 'old'],
    );
  });

  it('never shows what a secret holds', () => {
    const bad: Secret = {
      metadata: { name: 's', namespace: 'ns' },
      type: 'kubernetes.io/dockerconfigjson',
      data: { '.dockerconfigjson': btoa('hunter2') },
    };
    const expected = { kind: 'invalid', message: "imagePullSecret ns/s can't be read: it is not valid JSON" };
    assert.throws(() => credentialsFor('r.io/a', [bad]), expected);
    for (const auths of [{ 'r.io': { auth: btoa('nocolon') } }, { 'r.io': { username: 7 } }])
      assert.throws(
        () => credentialsFor('r.io/a', [secret(auths)]),
        (error: Error) => !error.message.includes('nocolon'),
      );
  });
});
