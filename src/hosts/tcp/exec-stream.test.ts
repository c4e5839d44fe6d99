import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { after, afterEach, before, describe, it } from 'node:test';
import { WebSocketServer, type WebSocket } from 'ws';
import { HostError, kindOf, messageOf } from '../../model/errors.ts';
import { FakeClock } from '../../testing/fixtures.ts';
import { frameKinds, serverFrame } from '../../testing/web-socket-frames.ts';
import { openExecStream, type ExecStream } from './exec-stream.ts';

const success = Buffer.from('\x03{"metadata":{},"status":"Success"}');
const MiB = 1024 * 1024;
const clock = new FakeClock();
let server: Server;
let url: URL;
/** Answers the next upgrade. */
let answer: (request: IncomingMessage, socket: Socket, head: Buffer) => void;
const sockets: Socket[] = [];

before(async () => {
  server = createServer();
  server.on('upgrade', (request, socket: Socket, head) => {
    sockets.push(socket.on('error', () => undefined));
    answer(request, socket, head);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = new URL(`https://127.0.0.1:${String((server.address() as AddressInfo).port)}/exec/t0ken?x=y`);
});
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});
after(() => {
  server.close();
});

/** The runtime's end of a stream: as a WebSocket, and as the bytes below it. */
interface Runtime {
  readonly request: IncomingMessage;
  readonly webSocket: WebSocket;
  readonly raw: Socket;
  /** what the process has been sent */
  readonly input: Buffer[];
}

async function dialed(): Promise<Socket> {
  const socket = connect(Number(url.port), '127.0.0.1');
  sockets.push(socket);
  await new Promise((resolve) => socket.once('connect', resolve));
  return socket;
}

async function attempt(watched = false, signal = new AbortController().signal): Promise<ExecStream> {
  return openExecStream({ host: 'box', url, socket: await dialed(), clock, watched }, { signal });
}

/** `first` goes out in one piece with the answer to the handshake. */
async function opened({ watched = false, first = Buffer.alloc(0) } = {}): Promise<ExecStream & Runtime> {
  const accepted = Promise.withResolvers<Runtime>();
  answer = (request, raw, head) => {
    const runtimes = new WebSocketServer({ noServer: true, perMessageDeflate: true });
    raw.cork();
    runtimes.handleUpgrade(request, raw, head, (webSocket) => {
      const input: Buffer[] = [];
      webSocket.on('error', () => undefined);
      webSocket.on('message', (data: Buffer) => input.push(data));
      accepted.resolve({ request, webSocket, raw, input });
    });
    raw.write(first);
    raw.uncork();
  };
  const exec = await attempt(watched);
  return { ...exec, ...(await accepted.promise) };
}

async function read(stream: AsyncIterable<Buffer>): Promise<string> {
  let text = '';
  for await (const chunk of stream) text += chunk.toString();
  return text;
}

/** Resolves when `is` holds, looking with every turn of the loop. */
async function until(is: () => boolean): Promise<void> {
  while (!is()) await new Promise(setImmediate);
}

describe('a process spoken to over a WebSocket', () => {
  it('is asked for as the streaming server wants it', async () => {
    const { request, webSocket } = await opened();
    assert.equal(request.method, 'GET');
    assert.equal(request.url, '/exec/t0ken?x=y');
    assert.equal(request.headers.host, url.host);
    assert.equal(request.headers.origin, url.origin);
    assert.equal(request.headers['sec-websocket-protocol'], 'v4.channel.k8s.io');
    assert.equal(request.headers['sec-websocket-extensions'], undefined);
    assert.equal(webSocket.protocol, 'v4.channel.k8s.io');
  });

  it('has its streams, and tells how it ended', async () => {
    const { stream, stderr, ended, webSocket, input } = await opened();
    const sent = Buffer.alloc(200_000, 'in ');
    stream.write(sent);
    await until(() => input.reduce((sum, { length }) => sum + length - 1, 0) === sent.length);
    assert.ok(input.every((message) => message[0] === 0 && message.length <= 64 * 1024 + 1));
    assert.ok(Buffer.concat(input.map((message) => message.subarray(1))).equals(sent));
    webSocket.send(Buffer.from('\x01out'));
    webSocket.send(Buffer.from('\x02err'));
    webSocket.send('\x01text is none of it');
    webSocket.send(Buffer.from('\x01'));
    webSocket.send(success);
    const closed = new Promise((resolve) => webSocket.once('close', resolve));
    assert.deepEqual(await Promise.all([read(stream), read(stderr)]), ['out', 'err']);
    assert.deepEqual(await ended, { ok: true, text: '' });
    await closed;
  });

  it('keeps what it said when it is sent something after its end', async () => {
    const { stream, ended, webSocket, raw } = await opened();
    webSocket.send(Buffer.from('\x01last words'));
    webSocket.send(success);
    webSocket.close();
    await ended;
    await new Promise((resolve) => raw.once('close', resolve));
    await new Promise((resolve) => stream.write('too late', resolve));
    assert.equal(await read(stream), 'last words');
  });

  it('has what came with the answer to the handshake', async () => {
    const early = serverFrame(frameKinds.binary, '\x01early');
    const { stream, ended } = await opened({
      first: Buffer.concat([early, serverFrame(frameKinds.binary, success)]),
    });
    assert.equal(await read(stream), 'early');
    assert.equal((await ended).ok, true);
  });

  it('that could not be started says so on standard error', async () => {
    const { stderr, ended, webSocket } = await opened();
    webSocket.send(Buffer.from('\x03{"status":"Failure","message":"no such file"}'));
    assert.equal(await read(stderr), 'no such file');
    assert.deepEqual(await ended, { ok: false, text: 'no such file' });
  });

  it('has messages in parts, with pings between them, which are answered', async () => {
    const { stream, raw, webSocket } = await opened();
    const pong = new Promise<Buffer>((resolve) => webSocket.once('pong', resolve));
    const bytes = Buffer.concat([
      serverFrame(frameKinds.binary - 0x80, '\x01in '),
      serverFrame(frameKinds.ping, 'there?'),
      serverFrame(frameKinds.more - 0x80, ''),
      serverFrame(frameKinds.more, 'parts'),
      serverFrame(frameKinds.binary, success),
    ]);
    for (const byte of bytes) {
      raw.write(Buffer.of(byte));
      await new Promise(setImmediate);
    }
    assert.equal((await pong).toString(), 'there?');
    assert.equal(await read(stream), 'in parts');
  });

  it('is not read faster than its output is', async () => {
    const { stream, raw, webSocket } = await opened();
    const piece = Buffer.concat([Buffer.of(1), Buffer.alloc(32 * 1024, 'x')]);
    let size = 0;
    for (; size < 64 * MiB; size += piece.length - 1) webSocket.send(piece);
    webSocket.send(success);
    for (let turns = 0; turns < 1_000; turns += 1) await new Promise(setImmediate);
    const left = raw.bytesWritten - raw.writableLength;
    assert.ok(left < 32 * MiB, `${String(left)} bytes are held`);
    let got = 0;
    for await (const chunk of stream as AsyncIterable<Buffer>) got += chunk.length;
    assert.equal(got, size);
  });

  it('is told more only as fast as it listens', async () => {
    const { stream, webSocket } = await opened();
    webSocket.pause();
    let taken = 0;
    for (let turns = 0; turns < 1_000; turns += 1) {
      if (stream.writableNeedDrain) await new Promise(setImmediate);
      else {
        stream.write(Buffer.alloc(MiB));
        taken += MiB;
      }
    }
    assert.ok(taken < 32 * MiB, `${String(taken)} bytes are taken`);
    stream.on('error', () => undefined).destroy();
  });
});

describe('a stream that ends before its process', () => {
  const isCut = { ok: false, text: 'the stream ended before the process', isCut: true };

  it('by a close is at its end', async () => {
    const { stream, ended, webSocket } = await opened();
    webSocket.send(Buffer.from('\x01some'));
    webSocket.close(1011);
    assert.equal(await read(stream), 'some');
    assert.deepEqual(await ended, isCut);
  });

  it('by the end of its connection is at its end', async () => {
    const { stream, stderr, ended, raw } = await opened();
    raw.end(serverFrame(frameKinds.binary, '\x01some'));
    assert.deepEqual(await Promise.all([read(stream), read(stderr)]), ['some', '']);
    assert.deepEqual(await ended, isCut);
  });

  it('because its connection broke tells why', async () => {
    const { stream, ended, raw } = await opened();
    raw.resetAndDestroy();
    await assert.rejects(read(stream), { code: 'ECONNRESET' });
    assert.deepEqual(await ended, isCut);
  });

  it('because nobody wants it closes the connection', async () => {
    const { stream, ended, webSocket } = await opened();
    const closed = new Promise<number>((resolve) => webSocket.once('close', resolve));
    stream.destroy();
    assert.equal(await closed, 1006);
    assert.deepEqual(await ended, isCut);
  });

  for (const [what, bytes] of [
    ['is masked', Buffer.from('828237fa213d36fa', 'hex')],
    ['is compressed', serverFrame(0xc2, '\x01x')],
    ['continues nothing', serverFrame(frameKinds.more, 'x')],
    [
      'begins within another message',
      Buffer.concat([serverFrame(0x02, '\x01x'), serverFrame(frameKinds.binary, '\x01y')]),
    ],
    ['is of no known kind', serverFrame(0x83, 'x')],
    ['is a control frame in parts', serverFrame(frameKinds.ping - 0x80, 'x')],
    ['is a control frame that is too long', serverFrame(frameKinds.ping, Buffer.alloc(126))],
    ['is larger than a message may be', Buffer.from('827f0000000000100001', 'hex')],
    ['has no end', Buffer.from('827f0000ffff00000000', 'hex')],
    ['is no frame at all', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
  ] as const)
    it(`because a frame ${what} is broken off`, async () => {
      const { stream, ended, raw } = await opened();
      const closed = new Promise((resolve) => raw.once('close', resolve));
      raw.write(bytes);
      await assert.rejects(read(stream), /WebSocket|Max payload/);
      assert.deepEqual(await ended, isCut);
      await closed;
    });

  it('is found out by pings where it is watched', async () => {
    const { stream, ended, webSocket } = await opened({ watched: true });
    let pings = 0;
    webSocket.on('ping', () => (pings += 1));
    for (let round = 1; round <= 6; round += 1) {
      await clock.advance(5_000);
      await until(() => pings === round);
    }
    webSocket.pause();
    const silent = read(stream);
    silent.catch(() => undefined);
    await clock.advance(30_000);
    await assert.rejects(silent, /the host does not answer any more/);
    assert.deepEqual(await ended, isCut);
    assert.equal(clock.timers, 0);
  });
});

describe('a handshake that comes to nothing', () => {
  const rows: [name: string, speak: (socket: Socket) => unknown, message: RegExp][] = [
    [
      'is refused',
      (socket) => socket.write('HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone'),
      /^box: the streaming server answered 404 Not Found$/,
    ],
    [
      'has the wrong accept',
      (socket) =>
        socket.write(
          'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n',
        ),
      /^box: the streaming server: Invalid Sec-WebSocket-Accept header$/,
    ],
    [
      'is answered with noise',
      (socket) => socket.write('\0\0\0\0'),
      /^box: the streaming server: Parse Error/,
    ],
    ['is answered with nothing', (socket) => socket.end(), /^box: the streaming server: socket hang up$/],
    ['breaks', (socket) => socket.resetAndDestroy(), /^box: the streaming server: .*ECONNRESET/],
  ];
  for (const [name, speak, message] of rows)
    it(`${name}: the connection is closed`, async () => {
      answer = (_, socket) => speak(socket);
      const socket = await dialed();
      const closed = new Promise((resolve) => socket.once('close', resolve));
      const signal = new AbortController().signal;
      await assert.rejects(
        openExecStream({ host: 'box', url, socket, clock, watched: false }, { signal }),
        (error) => {
          assert.ok(error instanceof HostError);
          assert.match(messageOf(error), message);
          assert.equal(kindOf(error), 'unavailable');
          return true;
        },
      );
      await closed;
    });

  it('ends with the caller', async () => {
    const caller = new AbortController();
    const gone = new Promise((resolve) => {
      answer = (_, socket) => {
        socket.resume().once('end', resolve);
        caller.abort(new Error('enough'));
      };
    });
    await assert.rejects(attempt(false, caller.signal), /^Error: enough$/);
    await gone;
  });
});
