import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { connect as connectPlain } from 'node:net';
import { FakeClock } from '../../testing/fixtures.ts';
import { bearer, EXEC, kubelet, nobody, servers, streamer, switching } from '../../testing/kubelets.ts';
import { spdy } from '../../testing/kubelet-server.ts';
import type { Backend } from './backend.ts';

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

  it('nothing but the head of the request stands before the stream', async () => {
    const heard: Buffer[] = [];
    const { stream } = await streamer((socket) =>
      socket.on('data', (chunk: Buffer) => {
        heard.push(chunk);
        if (Buffer.concat(heard).includes('\r\n\r\n'))
          setImmediate(() => socket.end('HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n'));
      }),
    );
    const server = await kubelet({ backend: { stream } });
    const client = await server.connect();
    client.ask(EXEC, [...bearer, ...spdy]);
    assert.match(await client.until(), /^HTTP\/1\.1 403 No/);
    const request = Buffer.concat(heard).toString('latin1');
    assert.match(request, /^POST .*\r\nContent-Length: 0\r\n/s);
    assert.doesNotMatch(request, /transfer-encoding/i);
    assert.ok(request.endsWith('\r\n\r\n') && request.indexOf('\r\n\r\n') === request.length - 4, request);
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
