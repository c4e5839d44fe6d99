import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { describe, it } from 'node:test';
import { WebSocket } from 'ws';
import { kubelet, nobody, servers, streamer, switching } from '../../testing/kubelets.ts';
import type { TestServer } from '../../testing/kubelet-server.ts';
import type { Backend } from '../server/backend.ts';
import { HttpFault } from '../http/http-fault.ts';
import { dataFrame, ping, rstStream, SpdyReader, synReply } from '../spdy/spdy-frames.ts';
import { HeaderPacker, HeaderUnpacker } from '../spdy/spdy-headers.ts';

const success = JSON.stringify({ metadata: {}, status: 'Success' });
const fin = { fin: true };

/** What a runtime's streaming server does with the streams of one connection. */
class Runtime {
  readonly request: string;
  readonly streams = new Map<string, number>();
  readonly input: Buffer[] = [];
  inputEnded = false;
  readonly #socket: Socket;
  constructor(socket: Socket, request: string) {
    this.#socket = socket;
    this.request = request;
  }
  say(type: string, bytes: string | Buffer, end?: { fin: boolean }): void {
    this.#socket.write(dataFrame(this.streams.get(type) ?? 0, Buffer.from(bytes), end));
  }
  write(bytes: Buffer): void {
    this.#socket.write(bytes);
  }
  get isGone(): boolean {
    return this.#socket.destroyed;
  }
  end(): void {
    this.#socket.destroy();
  }
}

interface Served {
  readonly server: TestServer;
  readonly runtime: Promise<Runtime>;
  readonly runs: () => Runtime | undefined;
}

/** `then` is called once all streams of the command are there, and with everything that comes later. */
async function serve(then: (runtime: Runtime) => void): Promise<Served> {
  const found = Promise.withResolvers<Runtime>();
  let running: Runtime | undefined;
  const { stream } = await streamer((socket) => {
    const packer = new HeaderPacker();
    const unpacker = new HeaderUnpacker();
    const reader = new SpdyReader();
    let head = Buffer.alloc(0);
    let work = Promise.resolve();
    const take = async (chunk: Buffer): Promise<void> => {
      let bytes = chunk;
      if (running === undefined) {
        head = Buffer.concat([head, chunk]);
        const at = head.indexOf('\r\n\r\n');
        if (at < 0) return;
        running = new Runtime(socket, head.subarray(0, at).toString());
        socket.write(switching);
        bytes = head.subarray(at + 4);
      }
      for (const frame of reader.take(bytes)) {
        if (frame.kind === 'syn-stream') {
          const type = (await unpacker.unpack(frame.headers)).get('streamtype') ?? '';
          running.streams.set(type, frame.stream);
          socket.write(synReply(frame.stream, packer.pack()));
        } else if (frame.kind === 'data') {
          running.input.push(frame.data);
          running.inputEnded ||= frame.fin;
        }
      }
      if (running.streams.size < 4) return;
      then(running);
      found.resolve(running);
    };
    socket.on('data', (chunk: Buffer) => {
      work = work.then(() => take(chunk));
    });
    socket.once('close', () => {
      unpacker.close();
    });
  });
  const server = await kubelet({ backend: { stream } });
  return { server, runtime: found.promise, runs: () => running };
}

interface Client {
  readonly socket: WebSocket;
  readonly messages: { channel: number; text: string }[];
  readonly closed: Promise<number>;
  until(is: () => boolean): Promise<void>;
}

async function open(server: TestServer, protocols: string[] = ['v5.channel.k8s.io']): Promise<Client> {
  const socket = new WebSocket(
    `wss://127.0.0.1:${String(server.port)}/exec/ns/p/c?command=x&output=1`,
    protocols,
    {
      rejectUnauthorized: false,
      headers: { authorization: 'Bearer good' },
    },
  );
  servers.push({
    close: () => {
      socket.terminate();
    },
  });
  socket.on('error', () => undefined);
  const messages: Client['messages'] = [];
  let wake = (): void => undefined;
  socket.on('message', (data: Buffer) => {
    messages.push({ channel: data[0] ?? -1, text: data.subarray(1).toString('latin1') });
    wake();
  });
  const closed = new Promise<number>((resolve) => socket.once('close', resolve));
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  const until = async (is: () => boolean): Promise<void> => {
    while (!is()) await new Promise<void>((resolve) => (wake = resolve));
  };
  return { socket, messages, closed, until };
}

const textOf = ({ messages }: Client, channel: number): string =>
  messages
    .filter((message) => message.channel === channel)
    .map(({ text }) => text)
    .join('');

describe('a command over WebSocket', () => {
  it('has its streams, and the end of its input alone', async () => {
    const { server, runtime } = await serve((each) => {
      if (!each.inputEnded) return;
      each.say('stdout', Buffer.concat(each.input));
      each.say('stderr', Buffer.from([0xff, 0, 0x80]));
      each.say('error', success, fin);
      each.end();
    });
    const client = await open(server);
    client.socket.send(Buffer.from('\0one '));
    client.socket.send(Buffer.concat([Buffer.from([0]), Buffer.alloc(100_000, 'x')]));
    client.socket.send(Buffer.from([255, 0]));
    assert.equal(await client.closed, 1000);
    assert.equal(client.socket.protocol, 'v5.channel.k8s.io');
    assert.equal(textOf(client, 1), `one ${'x'.repeat(100_000)}`);
    assert.equal(textOf(client, 2), '\xff\0\x80');
    assert.equal(textOf(client, 3), success);
    const { request, streams } = await runtime;
    assert.match(request, /^POST \/exec\/t0ken HTTP\/1\.1\r\n/);
    assert.match(request, /\r\nX-Stream-Protocol-Version: v4\.channel\.k8s\.io/i);
    assert.doesNotMatch(request, /websocket|authorization/i);
    assert.deepEqual([...streams.keys()].sort(), ['error', 'stderr', 'stdin', 'stdout']);
    await nobody(server);
  });

  it('is told of before there is any output', async () => {
    const { server } = await serve(() => undefined);
    const client = await open(server);
    await client.until(() => client.messages.length > 0);
    assert.deepEqual(client.messages, [{ channel: 1, text: '' }]);
  });

  it('ends when all it says has ended, though the connection stays', async () => {
    const { server, runtime } = await serve((each) => {
      each.write(ping(2));
      each.say('error', JSON.stringify({ status: 'Failure', message: 'no' }), fin);
      each.say('stdout', 'late', fin);
      each.write(rstStream(each.streams.get('stderr') ?? 0, 5));
    });
    const client = await open(server);
    assert.equal(await client.closed, 1000);
    assert.equal(textOf(client, 1), 'late');
    assert.equal(
      (JSON.parse(textOf(client, 3)) as { message: string }).message,
      'Internal error occurred: no',
    );
    const { isGone } = await runtime;
    assert.equal(typeof isGone, 'boolean');
    await nobody(server);
  });

  it('that the runtime breaks off is no success', async () => {
    const { server } = await serve((each) => {
      each.say('stdout', 'half');
      each.end();
    });
    const client = await open(server);
    await client.closed;
    assert.match(textOf(client, 3), /ended before the command did/);
  });

  it('that the runtime refuses says why', async () => {
    const { stream } = await streamer((socket) =>
      socket.once('data', () => socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\ngone\n')),
    );
    const client = await open(await kubelet({ backend: { stream } }));
    await client.closed;
    assert.equal(
      (JSON.parse(textOf(client, 3)) as { message: string }).message,
      'Internal error occurred: gone',
    );
  });

  it('whose host can not be reached says so', async () => {
    const { stream } = await streamer(() => undefined);
    const backend: Partial<Backend> = {
      stream: async (request, rest) => {
        const made = await stream(request, rest);
        return made.by === 'farlet'
          ? made
          : { ...made, dial: () => Promise.reject(new HttpFault(500, 'dial tcp: refused\n')) };
      },
    };
    const client = await open(await kubelet({ backend }));
    await client.closed;
    assert.match(textOf(client, 3), /"message":"Internal error occurred: dial tcp: refused/);
  });

  it('is over for the runtime when the client goes', async () => {
    const { server, runtime } = await serve(() => undefined);
    const client = await open(server);
    const each = await runtime;
    client.socket.terminate();
    while (!each.isGone) await new Promise(setImmediate);
    await nobody(server);
  });

  it('a close signal without its channel ends it', async () => {
    const { server, runtime } = await serve(() => undefined);
    const client = await open(server);
    await runtime;
    client.socket.send(Buffer.from([255]));
    assert.equal(await client.closed, 1002);
  });

  it('what is refused before anything has begun is refused as HTTP, and so is a handshake that is none', async () => {
    const server = await kubelet({
      backend: { stream: () => Promise.reject(new HttpFault(500, 'rpc error: code = Internal')) },
    });
    await assert.rejects(open(server), /Unexpected server response: 500/);
    const { stream } = await streamer(() => undefined);
    const other = await kubelet({ backend: { stream } });
    const raw = await other.connect();
    raw.ask('GET /exec/ns/p/c?command=x&output=1', [
      ...['Authorization: Bearer good', 'Connection: Upgrade', 'Upgrade: websocket'],
      ...['Sec-WebSocket-Version: 12', 'Sec-WebSocket-Protocol: v5.channel.k8s.io'],
    ]);
    assert.match(await raw.until(), /^HTTP\/1\.1 400 [^]*not a handshake of version 13$/);
  });
});
