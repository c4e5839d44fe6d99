import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { constants, createDeflate, createInflate } from 'node:zlib';
import { FakeClock, quietLog } from '../../testing/fixtures.ts';
import { carriedBy, clientFrame, frameKinds, serverFrame } from '../../testing/web-socket-frames.ts';
import { HttpFault } from '../http/http-fault.ts';
import { servePortForward } from './serve-port-forward.ts';
import { spdyDictionary } from '../spdy/spdy-dictionary.ts';
import { dataFrame, ping, rstStream, SpdyReader, type SpdyFrame } from '../spdy/spdy-frames.ts';

/** What runs in the pod: echoes, and ends when it is told that no more comes. */
let echo: Server;
/** It says something and ends, whatever it is sent. */
let greeter: Server;
let kubelet: HttpServer;
const clock = new FakeClock();
const clients: Socket[] = [];
/** The kubelet's ends of connections, the last one last. */
const served: Socket[] = [];
const toPods: Socket[] = [];
const portOf = (server: Server | HttpServer): number => (server.address() as AddressInfo).port;
const listen = async <S extends Server | HttpServer>(server: S): Promise<S> => {
  await promisify<number, string>(server.listen.bind(server))(0, '127.0.0.1');
  return server;
};

before(async () => {
  echo = await listen(
    createServer({ allowHalfOpen: true }, (socket) => socket.on('error', () => undefined).pipe(socket)),
  );
  greeter = await listen(createServer((socket) => socket.on('error', () => undefined).end('hello')));
  kubelet = createHttpServer();
  kubelet.on('upgrade', (request, client: Socket, head) => {
    served.push(client);
    const open = (port: number): Promise<Socket> =>
      new Promise((resolve, reject) => {
        const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
        toPods.push(socket);
        socket.once('connect', () => {
          resolve(socket);
        });
        socket.once('error', reject);
      });
    servePortForward(
      request,
      { client, head },
      { target: { pod: 'web', open }, clock, idleMs: 4 * 3_600_000, log: quietLog },
    ).catch((error: unknown) => {
      if (error instanceof HttpFault)
        client.end(
          `HTTP/1.1 ${String(error.code)} no\r\nContent-Length: ${String(error.message.length)}\r\n\r\n${error.message}`,
        );
    });
  });
  await listen(kubelet);
});

after(() => {
  for (const client of clients) client.destroy();
  for (const server of [echo, greeter, kubelet]) server.close();
  kubelet.closeAllConnections();
});

/** An upgraded connection: the answer's head, and what comes after it. */
async function upgraded(
  lines: readonly string[],
  path = '/',
  method = 'POST',
): Promise<{ socket: Socket; head: string; rest: Buffer }> {
  const socket = connect(portOf(kubelet), '127.0.0.1');
  clients.push(socket);
  socket.write([`${method} ${path} HTTP/1.1`, 'Host: kubelet', ...lines, '', ''].join('\r\n'));
  let bytes = Buffer.alloc(0);
  while (!bytes.includes('\r\n\r\n')) {
    const chunk = await new Promise<Buffer>((resolve) => socket.once('data', resolve));
    bytes = Buffer.concat([bytes, chunk]);
  }
  const end = bytes.indexOf('\r\n\r\n') + 4;
  socket.pause();
  return { socket, head: bytes.toString('utf8', 0, end), rest: bytes.subarray(end) };
}

const spdyHead = [
  'Connection: Upgrade',
  'Upgrade: SPDY/3.1',
  'X-Stream-Protocol-Version: portforward.k8s.io',
];

/** A client as client-go's: it compresses, and counts streams by odd numbers. */
class SpdyClient {
  readonly socket: Socket;
  readonly seen: SpdyFrame[] = [];
  readonly #deflate = createDeflate({ dictionary: spdyDictionary });
  readonly #inflate = createInflate({ dictionary: spdyDictionary });
  #next = 1;
  #wake: () => void = () => undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    const reader = new SpdyReader();
    socket.on('data', (chunk: Buffer) => {
      for (const frame of reader.take(chunk)) {
        if (frame.kind === 'headers') {
          this.#inflate.write(frame.headers);
          // as client-go's inflate wants it
          assert.equal(frame.headers.subarray(-5).toString('hex'), '000000ffff');
        }
        this.seen.push(frame);
      }
      this.#wake();
    });
    socket.on('close', () => {
      this.#wake();
    });
    socket.resume();
  }

  static async connect(): Promise<SpdyClient> {
    const { socket, head } = await upgraded(spdyHead);
    assert.match(head, /^HTTP\/1\.1 101 /);
    assert.match(head, /\r\nUpgrade: SPDY\/3\.1\r\nX-Stream-Protocol-Version: portforward\.k8s\.io\r\n/);
    return new SpdyClient(socket);
  }

  async open(headers: Record<string, string>): Promise<number> {
    const id = this.#next;
    this.#next += 2;
    const list = Object.entries(headers).flat();
    const number = (value: number): Buffer => Buffer.from([value >> 24, value >> 16, value >> 8, value]);
    const block = Buffer.concat([
      number(list.length / 2),
      ...list.flatMap((text) => [number(text.length), Buffer.from(text)]),
    ]);
    const packed = await this.#pack(block);
    const payload = Buffer.concat([number(id), number(0), Buffer.from([0, 0]), packed]);
    this.socket.write(Buffer.concat([Buffer.from([0x80, 3, 0, 1]), number(payload.length), payload]));
    return id;
  }

  async pair(port: number, requestID?: string): Promise<{ error: number; data: number }> {
    const headers = { port: String(port), ...(requestID === undefined ? {} : { requestID }) };
    const error = await this.open({ streamType: 'error', ...headers });
    return { error, data: await this.open({ streamType: 'data', ...headers }) };
  }

  /** Waits until what was seen makes this true. */
  async until(check: () => boolean): Promise<void> {
    while (!check()) {
      assert.ok(!this.socket.destroyed, `closed after ${String(this.seen.length)} frames`);
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  text(stream: number): string {
    return this.seen
      .map((frame) => (frame.kind === 'data' && frame.stream === stream ? frame.data.toString() : ''))
      .join('');
  }

  ended(stream: number): boolean {
    return this.seen.some(
      (frame) =>
        (frame.kind === 'data' && frame.stream === stream && frame.fin) ||
        (frame.kind === 'rst-stream' && frame.stream === stream),
    );
  }

  #pack(block: Buffer): Promise<Buffer> {
    return new Promise((resolve) => {
      const chunks: Buffer[] = [];
      const take = (chunk: Buffer): void => void chunks.push(chunk);
      this.#deflate.on('data', take);
      this.#deflate.write(block);
      this.#deflate.flush(constants.Z_SYNC_FLUSH, () => {
        this.#deflate.off('data', take);
        resolve(Buffer.concat(chunks));
      });
    });
  }
}

describe('the dictionary of SPDY', () => {
  it('is what every other end has', () => {
    assert.equal(spdyDictionary.length, 1423);
    assert.equal(
      createHash('sha256').update(spdyDictionary).digest('hex'),
      '51d27341373f923f3cd88e1eb7162aeaa3723d7585ff2399201dc06498407f02',
    );
  });
});

describe('port-forward over SPDY', () => {
  it('carries connections beside each other, and their ends', async () => {
    const client = await SpdyClient.connect();
    const [one, two] = [await client.pair(portOf(echo), '0'), await client.pair(portOf(echo), '1')];
    client.socket.write(dataFrame(two.data, Buffer.from('second')));
    client.socket.write(dataFrame(one.data, Buffer.from('first')));
    await client.until(() => client.text(one.data) === 'first' && client.text(two.data) === 'second');
    client.socket.write(dataFrame(one.data, Buffer.from(' and last'), { fin: true }));
    await client.until(() => client.ended(one.data) && client.ended(one.error));
    assert.equal(client.text(one.data), 'first and last');
    assert.equal(client.text(one.error), '');
    assert.ok(!client.ended(two.data));
    // each stream was answered, in a form that its end can read
    assert.deepEqual(
      client.seen.flatMap((frame) => (frame.kind === 'headers' ? [frame.stream] : [])),
      [1, 3, 5, 7],
    );
  });

  it('carries what is sent before the connection is there, and from old clients without request ids', async () => {
    const client = await SpdyClient.connect();
    const streams = await client.pair(portOf(echo));
    client.socket.write(dataFrame(streams.data, Buffer.from('early')));
    await client.until(() => client.text(streams.data) === 'early');
  });

  it('carries much, to a client and a pod that both take their time', async () => {
    const client = await SpdyClient.connect();
    const { data } = await client.pair(portOf(echo), '0');
    const piece = randomBytes(40_000);
    for (let n = 0; n < 100; n += 1) client.socket.write(dataFrame(data, piece));
    client.socket.write(dataFrame(data, Buffer.alloc(0), { fin: true }));
    await client.until(() => client.ended(data));
    const got = client.seen.flatMap((frame) =>
      frame.kind === 'data' && frame.stream === data ? [frame.data] : [],
    );
    assert.ok(Buffer.concat(got).equals(Buffer.concat(Array.from({ length: 100 }, () => piece))));
  });

  it('tells when the pod ends a connection', async () => {
    const client = await SpdyClient.connect();
    const { data, error } = await client.pair(portOf(greeter), '0');
    await client.until(() => client.ended(data) && client.ended(error));
    assert.equal(client.text(data), 'hello');
    assert.equal(client.text(error), '');
  });

  it('tells why a port can not be reached, and goes on', async () => {
    const client = await SpdyClient.connect();
    const { data, error } = await client.pair(1, '0');
    await client.until(() => client.ended(data) && client.ended(error));
    assert.match(client.text(error), /^error forwarding port 1 to pod web, uid : .*ECONNREFUSED/);
    const next = await client.pair(portOf(greeter), '1');
    await client.until(() => client.text(next.data) === 'hello');
  });

  it('closes the connection to the pod when the client resets its stream', async () => {
    const client = await SpdyClient.connect();
    const gone = new Promise((resolve) =>
      echo.once('connection', (socket: Socket) => socket.once('close', resolve)),
    );
    const { data } = await client.pair(portOf(echo), '0');
    client.socket.write(dataFrame(data, Buffer.from('x')));
    await client.until(() => client.text(data) === 'x');
    client.socket.write(rstStream(data, 5));
    await gone;
  });

  it('answers pings, and refuses streams that are none', async () => {
    const client = await SpdyClient.connect();
    client.socket.write(ping(7));
    const refused = [
      await client.open({ streamType: 'data', port: '0' }),
      await client.open({ streamType: 'data', port: 'web' }),
      await client.open({ streamType: 'stdin', port: '80' }),
      await client.open({ port: '80' }),
    ];
    await client.until(() => refused.every((stream) => client.ended(stream)));
    assert.ok(client.seen.some((frame) => frame.kind === 'ping' && frame.id === 7));
  });

  it('gives up on a stream whose other half does not come', async () => {
    const client = await SpdyClient.connect();
    const error = await client.open({ streamType: 'error', port: '80', requestID: '9' });
    await client.until(() => client.seen.some(({ kind }) => kind === 'headers'));
    await clock.advance(30_000);
    await client.until(() => client.ended(error));
    assert.equal(client.text(error), 'request 9: timed out waiting for streams');
  });

  for (const [what, bytes] of [
    ['another version', Buffer.from([0x80, 2, 0, 6, 0, 0, 0, 4, 0, 0, 0, 1])],
    ['a control frame that is too large', Buffer.from([0x80, 3, 0, 1, 0, 0xff, 0xff, 0xff])],
    ['a control frame that is too short', Buffer.from([0x80, 3, 0, 1, 0, 0, 0, 2, 0, 0])],
    [
      'headers that are not packed',
      Buffer.from([0x80, 3, 0, 1, 0, 0, 0, 14, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]),
    ],
  ] as const)
    it(`closes on ${what}`, async () => {
      const { socket } = await upgraded(spdyHead);
      socket.resume();
      const closed = new Promise((resolve) => socket.once('close', resolve));
      socket.write(bytes);
      await closed;
    });

  it('refuses other protocols', async () => {
    const other = await upgraded([
      'Connection: Upgrade',
      'Upgrade: SPDY/3.1',
      'X-Stream-Protocol-Version: v9',
    ]);
    assert.match(other.head, /^HTTP\/1\.1 403 /);
    const h2c = await upgraded(['Connection: Upgrade', 'Upgrade: h2c']);
    assert.match(h2c.head, /^HTTP\/1\.1 400 /);
  });
});

describe('port-forward over WebSocket', () => {
  const BINARY = 'v4.channel.k8s.io';
  const handshake = (...protocols: string[]): string[] => [
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Extensions: permessage-deflate',
    ...(protocols.length === 0 ? [] : [`Sec-WebSocket-Protocol: ${protocols.join(', ')}`]),
  ];

  /** A client whose every byte is the test's, and what it has been sent, as whole frames. */
  async function opened(
    ports: readonly number[],
    ...protocols: string[]
  ): Promise<{ socket: Socket; head: string; until: (is: (bytes: Buffer) => boolean) => Promise<void> }> {
    const query = ports.map((port) => `port=${String(port)}`).join('&');
    const { socket, head, rest } = await upgraded(handshake(...protocols), `/?${query}`, 'GET');
    let bytes = rest;
    const until = async (is: (bytes: Buffer) => boolean): Promise<void> => {
      while (!is(bytes)) {
        const chunk = await new Promise<Buffer | undefined>((resolve) => {
          socket.once('data', resolve).once('close', () => {
            resolve(undefined);
          });
          socket.resume();
        });
        assert.ok(chunk !== undefined, `closed after ${bytes.toString('hex')}`);
        bytes = Buffer.concat([bytes, chunk]);
      }
    };
    return { socket, head, until };
  }

  for (const { protocol, isText } of [
    { protocol: BINARY, isText: false },
    { protocol: 'v4.base64.channel.k8s.io', isText: true },
  ])
    it(`${protocol}: two ports, one of which nobody listens on`, async () => {
      const { socket, head, until } = await opened([portOf(echo), 1], 'v9', protocol);
      // the accept of RFC 6455's example
      assert.match(head, /Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/);
      assert.ok(head.includes(`Sec-WebSocket-Protocol: ${protocol}\r\n`));
      assert.doesNotMatch(head, /Extensions/i);
      socket.write(
        isText
          ? clientFrame(frameKinds.text, `0${Buffer.from('echoed').toString('base64')}`)
          : clientFrame(frameKinds.binary, '\0echoed'),
      );
      const channels = (bytes: Buffer): Map<number, Buffer> => {
        const found = new Map<number, Buffer>();
        for (const message of carriedBy(bytes)) {
          const channel = (message[0] ?? 0) - (isText ? 0x30 : 0);
          const data = isText ? Buffer.from(message.toString('utf8', 1), 'base64') : message.subarray(1);
          found.set(channel, Buffer.concat([found.get(channel) ?? Buffer.alloc(0), data]));
        }
        return found;
      };
      let seen = new Map<number, Buffer>();
      const text = (channel: number): string => seen.get(channel)?.toString('utf8', 2) ?? '';
      await until((bytes) => {
        seen = channels(bytes);
        return text(0) === 'echoed' && text(3).includes('ECONNREFUSED');
      });
      assert.equal(seen.get(0)?.readUInt16LE(0), portOf(echo));
      assert.equal(seen.get(3)?.readUInt16LE(0), 1);
      assert.match(text(3), /^error forwarding port 1 to pod web, uid : /);
      assert.equal(text(1), '');
    });

  it('puts a message together from its parts, and answers a ping between them', async () => {
    const { socket, until } = await opened([portOf(echo)], BINARY);
    const bytes = Buffer.concat([
      clientFrame(frameKinds.binary - 0x80, '\0in '),
      clientFrame(frameKinds.ping, 'there?'),
      clientFrame(frameKinds.more - 0x80, ''),
      clientFrame(frameKinds.more, 'parts'),
    ]);
    for (const byte of bytes) socket.write(Buffer.of(byte));
    await until((seen) => seen.includes('\0in parts'));
    await until((seen) => seen.includes(serverFrame(frameKinds.pong, 'there?')));
  });

  it('is closed with 1000 once every port has ended', async () => {
    const { socket, until } = await opened([portOf(greeter), 1], BINARY);
    await until((seen) => seen.includes(serverFrame(frameKinds.close, Buffer.from([3, 232]))));
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.write(clientFrame(frameKinds.close, Buffer.from([3, 232])));
    await closed;
  });

  it('ends with the client, and the connection to the pod with it', async () => {
    const gone = new Promise((resolve) =>
      echo.once('connection', (pod: Socket) => pod.once('close', resolve)),
    );
    const { socket, until } = await opened([portOf(echo)], BINARY);
    socket.write(clientFrame(frameKinds.binary, '\0x'));
    await until((seen) => seen.includes(serverFrame(frameKinds.binary, '\0x')));
    socket.write(clientFrame(frameKinds.close, ''));
    await gone;
  });

  for (const [what, bytes, code] of [
    ['is not masked', serverFrame(frameKinds.binary, '\0x'), 1002],
    ['is compressed', clientFrame(0xc2, '\0x'), 1002],
    ['continues nothing', clientFrame(frameKinds.more, 'x'), 1002],
    ['is of no known kind', clientFrame(0x83, 'x'), 1002],
    ['is a control frame in parts', clientFrame(frameKinds.ping - 0x80, 'x'), 1002],
    ['is a control frame that is too long', clientFrame(frameKinds.ping, Buffer.alloc(126)), 1002],
    ['is larger than a message may be', Buffer.from('82ff000000000010000137fa213d', 'hex'), 1009],
    ['has no end', Buffer.from('82ff0000ffff0000000037fa213d', 'hex'), 1009],
  ] as const)
    it(`tells a client why it is closed whose frame ${what}`, async () => {
      const { socket, until } = await opened([portOf(echo)], BINARY);
      socket.write(bytes);
      const told = Buffer.from([code >> 8, code & 0xff]);
      await until((seen) => seen.includes(serverFrame(frameKinds.close, told)));
      const closed = new Promise((resolve) => socket.once('close', resolve));
      socket.end();
      await closed;
    });

  it('reads no faster than the pod, and lets go of one that reads nothing when the client is gone', async () => {
    const deaf = await listen(createServer((pod) => pod.on('error', () => undefined).pause()));
    const arrived = new Promise((resolve) => deaf.once('connection', resolve));
    const { socket } = await opened([portOf(deaf)], BINARY);
    socket.on('error', () => undefined);
    await arrived;
    const message = clientFrame(frameKinds.binary, Buffer.concat([Buffer.of(0), Buffer.alloc(60_000)]));
    const MiB = 1024 * 1024;
    for (let sent = 0; sent < 64 * MiB; sent += message.length) socket.write(message);
    const [client, pod] = [served.at(-1), toPods.at(-1)];
    assert.ok(client !== undefined && pod !== undefined);
    for (let turns = 0; turns < 1000; turns += 1) await new Promise(setImmediate);
    assert.ok(client.bytesRead < 32 * MiB, `${String(client.bytesRead)} bytes are held`);
    const gone = new Promise((resolve) => pod.once('close', resolve));
    // for long enough no byte moves
    await clock.advance(10 * 3_600_000);
    await gone;
    deaf.close();
  });

  it('refuses a protocol that it does not speak, a request without ports, and what is no handshake', async () => {
    const answer = async (lines: string[], path: string, method = 'GET'): Promise<string> =>
      (await upgraded(lines, path, method)).head;
    assert.match(await answer(handshake('v9'), '/?port=80'), /^HTTP\/1\.1 403 /);
    assert.match(await answer(handshake(BINARY), '/'), /^HTTP\/1\.1 400 /);
    assert.match(await answer(handshake(BINARY), '/?port=80', 'POST'), /^HTTP\/1\.1 400 /);
    const keyless = handshake(BINARY).filter((line) => !line.startsWith('Sec-WebSocket-Key'));
    assert.match(await answer(keyless, '/?port=80'), /^HTTP\/1\.1 400 /);
  });
});
