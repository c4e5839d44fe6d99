import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import {
  admin,
  expired,
  nameless,
  plain,
  serving,
  stranger,
  type TestPair,
} from '../../testing/certificates.ts';
import { bearer, kubelet } from '../../testing/kubelets.ts';
import type { TestServer } from '../../testing/kubelet-server.ts';
import { systemClock } from '../../util/clock.ts';
import type { Backend, Identity } from './backend.ts';

/** Who the server takes the caller for; undefined: nobody. */
async function callerOf(server: TestServer, seen: Identity[], as: TestPair): Promise<string | undefined> {
  const client = await server.connect(as);
  client.ask('GET /configz', ['Connection: close']);
  const answer = await client.until();
  return answer.startsWith('HTTP/1.1 200') ? seen.at(-1)?.user : undefined;
}

describe('nodes of one process', () => {
  it('share a router, and each answers for itself', async () => {
    const named = (name: string) =>
      kubelet({ backend: { configz: () => ({ name }), healthChecks: () => [{ name, problem: undefined }] } });
    const servers = [await named('a'), await named('b')];
    const ask = async (server: TestServer | undefined, path: string): Promise<string> => {
      const client = await server?.connect();
      client?.ask(`GET ${path}`, [...bearer, 'Connection: close']);
      return (await client?.until()) ?? '';
    };
    const answers = await Promise.all(servers.map((server) => ask(server, '/configz')));
    assert.match(answers[0] ?? '', /\{"name":"a"\}$/);
    assert.match(answers[1] ?? '', /\{"name":"b"\}$/);
    assert.match(await ask(servers[0], '/healthz/a'), /^HTTP\/1\.1 200 [^]*\r\n\r\nok$/);
    for (const path of ['/healthz/b', '/healthz/'])
      assert.match(await ask(servers[0], path), /^HTTP\/1\.1 404 [^]*\r\n\r\n404 page not found\n$/);
  });
});

describe('who is let in', () => {
  const rows: [string, TestPair, Identity | undefined][] = [
    [
      'a client of the CA, by its last common name and all organizations',
      admin,
      { user: 'admin', groups: ['system:masters', 'ops', 'system:authenticated'] },
    ],
    ['one without extended key usage', plain, { user: 'plain', groups: ['system:authenticated'] }],
    ['one without a name', nameless, undefined],
    ['a server', serving, undefined],
    ['one that has expired', expired, undefined],
    ['another CA’s', stranger, undefined],
  ];
  for (const [name, pair, expect] of rows)
    it(name, async () => {
      const seen: Identity[] = [];
      const isAllowed: Backend['isAllowed'] = (who) => Promise.resolve(seen.push(who) > 0);
      const server = await kubelet({ backend: { isAllowed } });
      await callerOf(server, seen, pair);
      assert.deepEqual(seen[0], expect);
    });

  it('a certificate that has expired since the connection was made', async () => {
    let now = Date.now();
    const clock = { ...systemClock, now: () => now };
    const server = await kubelet({ server: { clock } });
    const client = await server.connect(admin);
    client.ask('GET /configz');
    assert.match(await client.until('{}'), /^HTTP\/1\.1 200 /);
    now += 200 * 365 * 24 * 3_600_000;
    client.ask('GET /configz', ['Connection: close']);
    assert.match(await client.until(), /HTTP\/1\.1 401 /);
  });

  it('nobody by certificate without clientCAFile: none is asked for', async () => {
    const server = await kubelet({ withCa: false });
    assert.equal(server.tls.serverOptions().requestCert, false);
    assert.deepEqual(server.tls.serverOptions().ca, [], 'no public CA is taken in its place');
    assert.equal(await callerOf(server, [], admin), undefined);
  });

  it('sessions are not taken up again: their certificate may have expired', async () => {
    const server = await kubelet();
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const options = { port: server.port, rejectUnauthorized: false, maxVersion, ...admin };
      const session = await new Promise<Buffer | undefined>((resolve) => {
        const socket = connectTls(options, () => {
          socket.write('GET /configz HTTP/1.1\r\nHost: k\r\nConnection: close\r\n\r\n');
        });
        let ticket: Buffer | undefined;
        socket.on('session', (data) => (ticket = data));
        socket.resume().on('close', () => {
          resolve(ticket ?? socket.getSession());
        });
      });
      const again = connectTls({ ...options, ...(session === undefined ? {} : { session }) });
      await new Promise((resolve) => again.once('secureConnect', resolve));
      assert.equal(again.isSessionReused(), false, maxVersion);
      again.destroy();
    }
  });

  it('no CBC, no RSA key exchange, no TLS 1.1; more by tlsCipherSuites', async () => {
    const handshake = (port: number, more: object): Promise<string> =>
      new Promise((resolve) => {
        const socket = connectTls({ port, rejectUnauthorized: false, ...more }, () => {
          resolve(socket.getCipher().name);
          socket.destroy();
        });
        socket.once('error', () => {
          resolve('refused');
        });
      });
    const cbc = { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA' };
    const server = await kubelet();
    assert.equal(await handshake(server.port, cbc), 'refused');
    assert.equal(
      await handshake(server.port, {
        minVersion: 'TLSv1.1',
        maxVersion: 'TLSv1.1',
        ciphers: 'ALL@SECLEVEL=0',
      }),
      'refused',
    );
    assert.match(await handshake(server.port, { maxVersion: 'TLSv1.2' }), /^ECDHE-ECDSA-.*(GCM|CHACHA)/);
    const old = await kubelet({ tls: { cipherSuites: ['TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA'] } });
    assert.equal(await handshake(old.port, cbc), 'ECDHE-ECDSA-AES128-SHA');
    const modern = await kubelet({ tls: { minVersion: 'VersionTLS13' } });
    assert.equal(await handshake(modern.port, { maxVersion: 'TLSv1.2' }), 'refused');
  });
});

describe('what is authorized is what is routed', () => {
  const rows: [string, string[]][] = [
    ['/logs/', ['log']],
    ['/%6cogs/', ['log']],
    ['/%6C%6fgs/', ['log']],
    ['http://x/logs/', ['log']],
    ['HTTPS://user@x:1/%6cogs/', ['log']],
    ['/%6detrics', ['metrics']],
    ['http://x/metrics?a=/pods', ['metrics']],
    ['/%63heckpoint/ns/p/c', ['checkpoint']],
    ['/stats%2Fsummary', ['stats']],
    ['//metrics', ['proxy']],
    ['/x/../metrics', ['proxy']],
    ['/metrics%3Fa', ['proxy']],
    ['/met%2572ics', ['proxy']],
  ];
  for (const [target, expect] of rows)
    it(target, async () => {
      const asked: string[] = [];
      const isAllowed: Backend['isAllowed'] = (_who, _verb, subresource) => {
        asked.push(subresource);
        return Promise.resolve(true);
      };
      const server = await kubelet({ backend: { isAllowed } });
      const client = await server.connect();
      client.ask(`GET ${target}`, [...bearer, 'Connection: close']);
      const answer = await client.until();
      assert.deepEqual(asked, expect);
      // what is there is what the right was asked for; the rest is nowhere
      const isThere = ['metrics', 'checkpoint', 'stats'].includes(expect[0] ?? '');
      assert.equal(answer.startsWith('HTTP/1.1 404 '), !isThere, answer);
    });

  for (const target of ['/%zz', '/%', '/logs/%4', 'logs', 'http:logs', '/a\x7fb', '*'])
    it(`${JSON.stringify(target)} is no request: 400 before anything is asked`, async () => {
      const server = await kubelet({ backend: { identify: () => assert.fail('was asked') } });
      const client = await server.connect();
      client.ask(`GET ${target}`, [...bearer, 'Connection: close']);
      const answer = await client.until();
      assert.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n/);
      assert.ok(answer.endsWith('\r\n\r\n400 Bad Request'), answer);
    });

  it('bytes that are no HTTP, and headers beyond all measure', async () => {
    const server = await kubelet();
    for (const [bytes, code] of [
      ['\x16\x03\x01 what\r\n\r\n', 400],
      ['GET / HTTP/9.9\r\n\r\n', 400],
      // not much more: what is not read any more resets the connection, and the answer may be lost
      [`GET / HTTP/1.1\r\nHost: k\r\nA: ${'x'.repeat(1024 * 1024)}`, 431],
    ] as const) {
      const client = await server.connect();
      client.write(bytes);
      assert.match(await client.until(), new RegExp(`^HTTP/1\\.1 ${code} .*\r\n[^]*\r\n\r\n${code} `));
    }
  });
});
