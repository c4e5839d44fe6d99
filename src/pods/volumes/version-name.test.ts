import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { statementOf, versionName, type Statement } from './version-name.ts';

const now = Date.UTC(2026, 0, 2, 3, 4, 5);
const digest = '0123456789abcdef0123456789abcdef';

const statements: [name: string, states: Statement | undefined, folder: string][] = [
  ['nothing', undefined, '..2026_01_02_03_04_05.u1'],
  ['its contents', { digest, renewAt: undefined }, `..2026_01_02_03_04_05.u1.${digest}`],
  ['when to renew', { digest, renewAt: now }, `..2026_01_02_03_04_05.u1.${digest}.${now.toString(36)}`],
];

describe('the name of a version', () => {
  for (const [name, states, folder] of statements)
    it(`says ${name}`, () => {
      assert.equal(versionName({ now, unique: 'u1', states }), folder);
      assert.deepEqual(statementOf(folder), states);
    });

  it('has whole milliseconds', () => {
    const folder = versionName({ now, unique: 'u', states: { digest, renewAt: now + 0.7 } });
    assert.equal(statementOf(folder)?.renewAt, now);
  });

  for (const folder of [
    '',
    '..data',
    '..2026_01_02_03_04_05.123456789',
    `..2026_01_02_03_04_05.u.${digest}f`,
    `..2026_01_02_03_04_05.u.${digest.toUpperCase()}`,
    `..2026_01_02_03_04_05.u.${digest}.`,
    `..2026_01_02_03_04_05.u.${digest}.zzzzzzzzzz`,
    `..2026_01_02_03_04_05.u.${digest}/../x`,
    `../..2026_01_02_03_04_05.u.${digest}`,
    `..2026_01_02_03_04_05.u.${digest}\n`,
  ])
    it(`says nothing as ${JSON.stringify(folder)}`, () => {
      assert.equal(statementOf(folder), undefined);
    });
});
