import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createServer, connect as connectPlain, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import {
  admin,
  expired,
  nameless,
  otherCa,
  plain,
  serving,
  stranger,
  type TestPair,
} from '../testing/certificates.ts';
import { FakeClock } from '../testing/fixtures.ts';
import { spdy, startKubelet, type TestServer, type TestServerOptions } from '../testing/kubelet-server.ts';
import { systemClock } from '../util/clock.ts';
import type { Backend, Identity } from './backend.ts';

const servers: { close(): unknown }[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function kubelet(options: TestServerOptions = {}): Promise<TestServer> {
  const server = await startKubelet(options);
  servers.push(server);
  return server;
}

const bearer = ['Authorization: Bearer good'];
/** Who the server takes the caller for; undefined: nobody. */
async function callerOf(server: TestServer, seen: Identity[], as: TestPair): Promise<string | undefined> {
  const client = await server.connect(as);
  client.ask('GET /configz', ['Connection: close']);
  const answer = await client.until();
  return answer.startsWith('HTTP/1.1 200') ? seen.at(-1)?.user : undefined;
}

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
      [`GET / HTTP/1.1\r\nHost: k\r\nA: ${'x'.repeat(1_100_000)}`, 431],
    ] as const) {
      const client = await server.connect();
      client.write(bytes);
      assert.match(await client.until(), new RegExp(`^HTTP/1\\.1 ${code} .*\r\n[^]*\r\n\r\n${code} `));
    }
  });
});

/** A streaming server as a runtime's: says what `speak` says to each connection. */
async function streamer(
  speak: (socket: Socket) => void,
): Promise<{ dials: Socket[]; stream: Backend['stream'] }> {
  const dials: Socket[] = [];
  const server: Server = createServer((socket) => {
    dials.push(socket.on('error', () => undefined));
    speak(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  servers.push({
    close: () => {
      for (const socket of dials) socket.destroy();
      server.close();
    },
  });
  const dial = (): Promise<Socket> =>
    new Promise((resolve) => {
      const socket: Socket = connectPlain(port, '127.0.0.1', () => {
        resolve(socket);
      });
    });
  return {
    dials,
    stream: () =>
      Promise.resolve({ by: 'runtime', url: new URL(`http://127.0.0.1:${port}/exec/t0ken`), dial }),
  };
}

const EXEC = 'POST /exec/ns/p/c?command=true&output=1';
const switching = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n';

describe('upgrades', () => {
  it('who is nobody gets an answer and loses the connection, though the other end stays', async () => {
    const clock = new FakeClock();
    const server = await kubelet({ server: { clock } });
    const clients = await Promise.all(Array.from({ length: 20 }, () => server.connect()));
    for (const client of clients) client.ask(EXEC, spdy);
    for (const client of clients) {
      const answer = await client.until();
      assert.match(answer, /^HTTP\/1\.1 401 Unauthorized\r\n[^]*Connection: close\r\n\r\nUnauthorized$/);
    }
    assert.equal(server.connections, 20, 'they may still read');
    await clock.advance(5_000);
    await nobody(server);
  });

  it('closing ends them all: refused, live, amid a handshake, with nothing asked', async () => {
    const { stream } = await streamer((socket) => socket.write(switching));
    const server = await kubelet({ backend: { stream } });
    const refused = await server.connect();
    refused.ask(EXEC, spdy);
    await refused.until('Unauthorized');
    const live = await server.connect();
    live.ask(EXEC, [...bearer, ...spdy]);
    await live.until('101');
    const idle = await server.connect();
    const mute = connectPlain(server.port, '127.0.0.1').on('error', () => undefined);
    await new Promise((resolve) => mute.once('connect', resolve));
    while (server.connections < 4) await new Promise(setImmediate);
    await server.close();
    servers.pop();
    await nobody(server);
    await Promise.all([live.until(), idle.until()]);
  });

  it('of what the client says, the runtime hears what it needs for the stream', async () => {
    let heard = '';
    const { stream } = await streamer((socket) =>
      socket.on('data', (chunk: Buffer) => {
        heard += chunk.toString('latin1');
        if (heard.includes('\r\n\r\n')) socket.end('HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno');
      }),
    );
    const server = await kubelet({ backend: { stream } });
    const client = await server.connect();
    const token = `base64url.bearer.authorization.k8s.io.${Buffer.from('good').toString('base64url')}`;
    client.ask('GET /exec/ns/p/c?command=true&output=1', [
      ...[
        'Connection: Upgrade',
        'Upgrade: websocket',
        'Sec-WebSocket-Key: a2V5',
        'Sec-WebSocket-Version: 13',
      ],
      ...[`Sec-WebSocket-Protocol: v4.channel.k8s.io, ${token}`, 'Origin: https://console', 'Cookie: s=1'],
      ...['Proxy-Authorization: Basic x', 'X-Forwarded-For: 10.0.0.1', 'Impersonate-User: root'],
      ...['X-Remote-User: root', 'X-Stream-Protocol-Version: v4.channel.k8s.io', 'User-Agent: me'],
    ]);
    assert.match(await client.until(), /^HTTP\/1\.1 403 No/);
    const names = heard
      .split('\r\n')
      .slice(1)
      .flatMap((line) => /^[^:]+/.exec(line)?.[0].toLowerCase() ?? []);
    assert.deepEqual(names.sort(), [
      ...[
        'connection',
        'host',
        'origin',
        'sec-websocket-key',
        'sec-websocket-protocol',
        'sec-websocket-version',
      ],
      ...['upgrade', 'x-stream-protocol-version'],
    ]);
    assert.match(heard, /^GET \/exec\/t0ken HTTP\/1\.1\r\n/);
    assert.match(heard, /\r\nSec-WebSocket-Protocol: v4\.channel\.k8s\.io\r\n/);
  });

  it('a refusal of the runtime comes as it is: code, headers, bytes', async () => {
    const { stream } = await streamer((socket) =>
      socket.once('data', () => {
        const head =
          'HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Type: x/y\r\nConnection: keep-alive';
        socket.write(
          Buffer.concat([
            Buffer.from(`${head}\r\nContent-Length: 4\r\n\r\n`),
            Buffer.from('a\xff\xfeb', 'latin1'),
          ]),
        );
      }),
    );
    const server = await kubelet({ backend: { stream } });
    const client = await server.connect();
    client.ask(EXEC, [...bearer, ...spdy]);
    assert.equal(
      await client.until(),
      'HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Type: x/y\r\nContent-Length: 4\r\nConnection: close\r\n\r\na\xff\xfeb',
    );
  });

  it('a runtime that agrees without switching is at fault', async () => {
    const { stream } = await streamer((socket) =>
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')),
    );
    const server = await kubelet({ backend: { stream } });
    const client = await server.connect();
    client.ask(EXEC, [...bearer, ...spdy]);
    assert.match(
      await client.until(),
      /^HTTP\/1\.1 500 [^]*\r\n\r\ninvalid upgrade response: status code 200\n$/,
    );
  });

  for (const at of ['identify', 'isAllowed', 'stream', 'dial'] as const)
    it(`a client that goes during ${at} leaves nothing behind`, async () => {
      const { dials, stream } = await streamer(() => undefined);
      const reached = Promise.withResolvers<AbortSignal | undefined>();
      const goOn = Promise.withResolvers<undefined>();
      const hold = async (signal?: AbortSignal): Promise<void> => {
        reached.resolve(signal);
        await goOn.promise;
      };
      let streams = 0;
      const backend: Partial<Backend> = {
        identify: async () => {
          if (at === 'identify') await hold();
          return { user: 'robot', groups: [] };
        },
        isAllowed: async () => {
          if (at === 'isAllowed') await hold();
          return true;
        },
        stream: async (request, rest) => {
          streams += 1;
          if (at === 'stream') await hold(rest.signal);
          const made = await stream(request, rest);
          if (made.by === 'farlet') return made;
          return {
            ...made,
            dial: async (o) => {
              if (at === 'dial') await hold(o.signal);
              return made.dial(o);
            },
          };
        },
      };
      const server = await kubelet({ backend });
      const client = await server.connect();
      client.ask(EXEC, [...bearer, ...spdy]);
      const signal = await reached.promise;
      client.socket.destroy();
      await nobody(server);
      if (signal !== undefined) assert.equal(signal.aborted, true);
      goOn.resolve(undefined);
      for (let turns = 0; turns < 50; turns += 1) await new Promise(setImmediate);
      assert.equal(streams, at === 'stream' || at === 'dial' ? 1 : 0);
      for (const socket of dials)
        if (!socket.destroyed) await new Promise((resolve) => socket.resume().once('close', resolve));
    });

  it('no more streams at once than the limits say: of a pod, a user, in all', async () => {
    const { stream } = await streamer((socket) => socket.write(switching));
    const identify: Backend['identify'] = (token) => Promise.resolve({ user: token, groups: [] });
    const refused: string[] = [];
    const server = await kubelet({
      backend: { stream, identify },
      server: {
        limits: { stream: { all: 4, user: 3, pod: 2 }, log: { all: 1, user: 1, pod: 1 } } as never,
        observer: {
          began: () => undefined,
          ended: () => undefined,
          open: () => undefined,
          refused: (kind, limit) => refused.push(`${kind} ${limit}`),
        },
      },
    });
    const open = async (user: string, pod: string) => {
      const client = await server.connect();
      client.ask(`POST /exec/ns/${pod}/c?command=true&output=1`, [`Authorization: Bearer ${user}`, ...spdy]);
      return { client, answer: await client.until('\r\n\r\n') };
    };
    const first = await open('a', 'p');
    assert.match(first.answer, /^HTTP\/1\.1 101 /);
    assert.match((await open('a', 'p')).answer, /^HTTP\/1\.1 101 /);
    const third = await open('b', 'p');
    assert.match(third.answer, /^HTTP\/1\.1 429 [^]*retry-after: 10\r\n/);
    assert.match(
      await third.client.until(),
      /too many streams of pod ns\/p: 2 are open, which is the limit; end some and try again$/,
    );
    assert.match((await open('a', 'q')).answer, /^HTTP\/1\.1 101 /);
    assert.match((await open('a', 'r')).answer, /^HTTP\/1\.1 429 /);
    assert.match((await open('b', 'r')).answer, /^HTTP\/1\.1 101 /);
    assert.match((await open('c', 's')).answer, /^HTTP\/1\.1 429 /);
    assert.deepEqual(refused, ['stream pod', 'stream user', 'stream all']);
    first.client.socket.destroy();
    for (let answer = ''; !answer.startsWith('HTTP/1.1 101');) answer = (await open('c', 's')).answer;
  });

  it('words of a command that are no text reach the backend as what they are', async () => {
    let command: readonly string[] = [];
    const server = await kubelet({
      backend: {
        stream: (request) => {
          command = request.command;
          return Promise.reject(new Error('seen'));
        },
      },
    });
    const client = await server.connect();
    client.ask('POST /exec/ns/p/c?command=x%ffy&command=a+b%2b&command=&command=%zz&command=a;b&output=1', [
      ...bearer,
      ...spdy,
    ]);
    assert.match(await client.until(), /^HTTP\/1\.1 500 [^]*seen$/);
    assert.deepEqual(command, ['x\udcffy', 'a b+', '']);
  });
});

describe('new TLS files', () => {
  it('are taken over without losing a stream; half a pair, or no certificate, is waited out', async () => {
    const clock = new FakeClock(Date.now());
    const { stream, dials } = await streamer((socket) => socket.write(switching));
    const server = await kubelet({ backend: { stream }, tls: { clock } });
    const peer = async (as?: TestPair) => (await server.connect(as)).socket.getPeerCertificate().subject.CN;
    const live = await server.connect();
    live.ask(EXEC, [...bearer, ...spdy]);
    await live.until('101');
    const kept = await server.connect(admin);
    kept.ask('GET /configz');
    await kept.until('{}');
    assert.equal(await peer(), 'serving');
    // its key is still the old one
    writeFileSync(`${server.folder}/tls.crt`, plain.cert);
    await look(clock);
    assert.equal(await peer(), 'serving');
    writeFileSync(`${server.folder}/tls.key`, plain.key);
    writeFileSync(`${server.folder}/ca.crt`, otherCa);
    await look(clock);
    while ((await peer()) !== 'plain') await new Promise(setImmediate);
    await kept.until();
    const seen = await server.connect(stranger);
    seen.ask('GET /configz', ['Connection: close']);
    assert.match(await seen.until(), /^HTTP\/1\.1 200 /);
    const former = await server.connect(plain);
    former.ask('GET /configz', ['Connection: close']);
    assert.match(await former.until(), /^HTTP\/1\.1 401 /);
    writeFileSync(`${server.folder}/ca.crt`, 'nothing');
    await look(clock);
    const still = await server.connect(stranger);
    still.ask('GET /configz', ['Connection: close']);
    assert.match(await still.until(), /^HTTP\/1\.1 200 /);
    const [socket] = dials;
    assert.ok(socket !== undefined);
    let heard = '';
    const wholly = new Promise<void>((resolve) =>
      socket.on('data', (chunk: Buffer) => {
        heard += chunk.toString();
        if (heard.endsWith('on')) resolve();
      }),
    );
    live.write('on');
    await wholly;
  });
});

async function nobody(server: TestServer): Promise<void> {
  while (server.connections > 0) await new Promise(setImmediate);
}

/** A look at the files, and time for what is read to come. */
async function look(clock: FakeClock): Promise<void> {
  await clock.advance(30_000);
  for (let turns = 0; turns < 20 || clock.timers === 0; turns += 1) await new Promise(setImmediate);
}
