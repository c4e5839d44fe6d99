import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { it } from 'node:test';
import type { Client } from 'ssh2';
import { parseStat, SshSessions } from './ssh-session.ts';

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

it('a session that a cut left behind is ended when the next one is there', async () => {
  const running = new Map([
    [11, '100'],
    [22, '200'],
  ]);
  const killed: string[] = [];
  const connection = (own: number): Client => {
    const exec = (command: string, give: (error: undefined, stream: object) => void): void => {
      const pid = /\/proc\/(\d+)\//.exec(command)?.[1] ?? String(own);
      const startedAt = running.get(Number(pid));
      if (command.startsWith('kill')) killed.push(command);
      const said = startedAt === undefined ? '' : `${pid} (sshd) ${rest(startedAt)}\n`;
      const stream = Object.assign(new PassThrough(), { stderr: new PassThrough() });
      give(undefined, stream);
      stream.end(command.startsWith('cat') ? said : '');
    };
    return { exec } as unknown as Client;
  };
  const { signal } = new AbortController();
  const sessions = new SshSessions();
  await sessions.began(connection(11), { signal });
  assert.deepEqual(killed, []);
  await sessions.began(connection(22), { signal });
  assert.deepEqual(killed, ['kill 11']);
  // another process has the number by now
  running.set(22, '300').set(33, '400');
  await sessions.began(connection(33), { signal });
  assert.deepEqual(killed, ['kill 11']);
});
