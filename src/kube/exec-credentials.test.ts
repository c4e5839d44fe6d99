import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { FakeClock } from '../testing/fixtures.ts';
import { systemClock } from '../util/clock.ts';
import { ExecAuth, execPlugin, parseCredential } from './exec-credentials.ts';

const apiVersion = 'client.authentication.k8s.io/v1';
const folder = mkdtempSync(join(tmpdir(), 'kube-exec-'));
const { signal } = new AbortController();
after(() => {
  rmSync(folder, { recursive: true });
});

const credential = (status: object): string => JSON.stringify({ apiVersion, kind: 'ExecCredential', status });

function plugin(script: string, more: object = {}) {
  return execPlugin({ apiVersion, command: 'sh', args: ['-c', script], ...more }, { server: 'https://x' });
}

describe('a credential plugin', () => {
  it('is told what it is asked for, with the cluster where it wants it', async () => {
    const file = join(folder, 'info');
    const script = `printf %s "$KUBERNETES_EXEC_INFO" > ${file}; printf '%s' "$ANSWER"`;
    const env = [{ name: 'ANSWER', value: credential({ token: 't' }) }];
    await new ExecAuth(plugin(script, { env }), systemClock).get({ signal });
    const spec = { interactive: false };
    assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), { apiVersion, kind: 'ExecCredential', spec });
    await new ExecAuth(plugin(script, { env, provideClusterInfo: true }), systemClock).get({ signal });
    assert.deepEqual((JSON.parse(readFileSync(file, 'utf8')) as { spec: object }).spec, {
      interactive: false,
      cluster: { server: 'https://x' },
    });
  });

  it('is asked again when its answer has expired or was refused, and not with every refusal', async () => {
    const file = join(folder, 'answer');
    const clock = new FakeClock();
    const auth = new ExecAuth(plugin(`cat ${file}`), clock);
    const give = (token: string, expirationTimestamp?: string): void => {
      writeFileSync(
        file,
        credential({ token, ...(expirationTimestamp === undefined ? {} : { expirationTimestamp }) }),
      );
    };
    const token = async (): Promise<string | undefined> => (await auth.get({ signal })).token;
    give('a', new Date(clock.now() + 5_000).toISOString());
    assert.equal(await token(), 'a');
    give('b');
    assert.equal(await token(), 'a');
    await clock.advance(5_000);
    assert.equal(await token(), 'b');
    give('c');
    auth.refused();
    assert.equal(await token(), 'b', 'it was asked a moment ago');
    await clock.advance(10_000);
    auth.refused();
    assert.equal(await token(), 'c');
  });

  it('that hangs is ended by the signal', async () => {
    const file = join(folder, 'pid');
    const stop = new AbortController();
    const asking = new ExecAuth(plugin(`echo $$ > ${file}; sleep 600`), systemClock).get({
      signal: stop.signal,
    });
    const pid = async (): Promise<number> => {
      for (;;) {
        try {
          const text = readFileSync(file, 'utf8').trim();
          if (text !== '') return Number(text);
        } catch {
          // it has not started yet
        }
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    const of = await pid();
    stop.abort(new Error('no longer'));
    await assert.rejects(asking, { message: 'no longer' });
    const isThere = (): boolean => {
      try {
        return process.kill(of, 0);
      } catch {
        return false;
      }
    };
    while (isThere()) await new Promise((resolve) => setImmediate(resolve));
  });

  it('that leaves a child behind which holds its output is not waited for', async () => {
    const auth = new ExecAuth(plugin(`printf '%s' '${credential({ token: 't' })}'; sleep 30 & exit 0`), {
      ...systemClock,
      after: (_ms, call) => systemClock.after(0, call),
    });
    assert.equal((await auth.get({ signal })).token, 't');
  });

  const failures: [name: string, script: string, says: RegExp][] = [
    ['fails', 'echo no key >&2; exit 3', /it ended with 3: no key/],
    ['prints nonsense', 'echo hello', /not JSON/],
    ['prints without end', 'yes', /more than 1048576 bytes/],
  ];
  for (const [name, script, says] of failures)
    it(`that ${name} is told of`, async () => {
      await assert.rejects(new ExecAuth(plugin(script), systemClock).get({ signal }), says);
    });

  it('that is not there is told of', async () => {
    const absent = execPlugin({ apiVersion, command: '/absent/plugin' }, {});
    await assert.rejects(
      new ExecAuth(absent, systemClock).get({ signal }),
      /plugin \/absent\/plugin: .*ENOENT/,
    );
  });
});

describe('what a kubeconfig says of a plugin', () => {
  const rows: [name: string, exec: object, says: RegExp][] = [
    ['no command', { apiVersion }, /names no command/],
    [
      'an old version',
      { apiVersion: 'client.authentication.k8s.io/v1alpha1', command: 'x' },
      /must be one of/,
    ],
    ['a terminal', { apiVersion, command: 'x', interactiveMode: 'Always' }, /wants a terminal/],
  ];
  for (const [name, exec, says] of rows)
    it(`is refused: ${name}`, () => {
      assert.throws(() => execPlugin(exec, {}), says);
    });
});

describe('what a plugin prints', () => {
  const rows: [name: string, text: string, says: RegExp][] = [
    ['another kind', JSON.stringify({ apiVersion, kind: 'Secret' }), /no ExecCredential/],
    ['another version', JSON.stringify({ apiVersion: 'v9', kind: 'ExecCredential' }), /no ExecCredential/],
    ['no status', JSON.stringify({ apiVersion, kind: 'ExecCredential' }), /no status/],
    ['nothing to show', credential({}), /neither a token/],
    ['half a pair', credential({ clientCertificateData: 'x' }), /without a key/],
    ['no time', credential({ token: 't', expirationTimestamp: 'soon' }), /no time/],
  ];
  for (const [name, text, says] of rows)
    it(`is refused: ${name}`, () => {
      assert.throws(() => parseCredential({ apiVersion }, text), says);
    });

  it('is never shown', () => {
    const text = credential({ token: 'secret-secret', expirationTimestamp: 'secret' });
    assert.throws(
      () => parseCredential({ apiVersion }, text),
      (error: Error) => !error.message.includes('secret'),
    );
  });
});
