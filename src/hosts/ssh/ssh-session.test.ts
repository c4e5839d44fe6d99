import assert from 'node:assert/strict';
import { it } from 'node:test';
import { parseStat } from './ssh-session.ts';

const rest = (startedAt: string): string =>
  `S 1 4041 4041 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 ${startedAt} 15810560 1700 18446744073709551615`;

const cases: readonly [name: string, text: string, expect: ReturnType<typeof parseStat>][] = [
  ['sshd', `4041 (sshd) ${rest('778899')}\n`, { pid: 4041, startedAt: '778899' }],
  ['as it is called since 9.8', `7 (sshd-session) ${rest('5')}`, { pid: 7, startedAt: '5' }],
  ['a login shell', `4042 (bash) ${rest('778899')}`, undefined],
  ['a name that looks like it', `4042 (x) (sshd) ${rest('778899')}`, undefined],
  ['nothing', '', undefined],
  ['half of it', '4041 (sshd) S 1', undefined],
  ['no number', `4041 (sshd) ${rest('x; reboot')}`, undefined],
];

for (const [name, text, expect] of cases)
  it(`the process of a session: ${name}`, () => {
    assert.deepEqual(parseStat(text), expect);
  });
