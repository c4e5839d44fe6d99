import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { Duplex } from 'node:stream';
import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { damaged, fuzz, hostileBytes } from '../../testing/fuzz.ts';
import { FakeClock, quietLog } from '../../testing/fixtures.ts';
import { spdyDictionary } from '../spdy/spdy-dictionary.ts';
import { SpdyForwarding } from './spdy-forwarding.ts';
import { dataFrame, ping, rstStream, SpdyReader } from '../spdy/spdy-frames.ts';
import { HeaderUnpacker } from '../spdy/spdy-headers.ts';
import { clientFrame, frameKinds } from '../../testing/web-socket-frames.ts';
import { servePortForward } from './serve-port-forward.ts';

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function block(headers: Record<string, string>): Buffer {
  const list = Object.entries(headers).flat();
  const parts = list.flatMap((text) => [uint32(Buffer.byteLength(text)), Buffer.from(text)]);
  return Buffer.concat([uint32(list.length / 2), ...parts]);
}

/** The first stream of a connection: its block begins the compression. */
function synStream(id: number, headers: Record<string, string>): Buffer {
  const packed = deflateSync(block(headers), { dictionary: spdyDictionary });
  const payload = Buffer.concat([uint32(id), uint32(0), Buffer.from([0, 0]), packed]);
  return Buffer.concat([Buffer.from([0x80, 3, 0, 1]), uint32(payload.length), payload]);
}

const good = Buffer.concat([
  synStream(1, { streamtype: 'error', port: '80', requestid: '0' }),
  ping(1),
  dataFrame(3, Buffer.from('GET / HTTP/1.1\r\n\r\n')),
  dataFrame(3, Buffer.alloc(0), { fin: true }),
  rstStream(1, 5),
]);
const frames = fc.oneof(hostileBytes(), damaged(good));

function isDefect(error: unknown): boolean {
  return error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
}

fuzz(
  'spdy frames: the same however they are cut',
  fc.record({ bytes: frames, at: fc.array(fc.nat({ max: 4096 }), { maxLength: 8 }) }),
  ({ bytes, at }) => {
    const read = (edges: readonly number[]): unknown[] => {
      const reader = new SpdyReader();
      const seen: unknown[] = [];
      try {
        for (const [index, edge] of edges.slice(1).entries())
          seen.push(...reader.take(bytes.subarray(edges[index], edge)));
      } catch (error) {
        assert.ok(!isDefect(error), String(error));
        seen.push('refused');
      }
      return seen;
    };
    const inside = at.map((each) => Math.min(each, bytes.length)).sort((a, b) => a - b);
    const cut = read([0, ...inside, bytes.length]);
    const whole = read([0, bytes.length]);
    // a refusal tells nothing of what came with it
    if (whole.at(-1) !== 'refused') assert.deepEqual(cut, whole);
    else assert.equal(cut.at(-1), 'refused');
  },
);

fuzz(
  'spdy header blocks',
  fc.oneof(
    hostileBytes(),
    damaged(deflateSync(block({ streamtype: 'data', port: '80' }), { dictionary: spdyDictionary })),
    // bombs: little that unpacks to much
    fc
      .nat({ max: 8_000_000 })
      .map((length) => deflateSync(Buffer.alloc(length), { dictionary: spdyDictionary })),
    hostileBytes().map((bytes) => deflateSync(bytes, { dictionary: spdyDictionary })),
  ),
  async (bytes) => {
    const unpacker = new HeaderUnpacker();
    try {
      await unpacker.unpack(bytes);
    } catch (error) {
      assert.ok(!isDefect(error), String(error));
    } finally {
      unpacker.close();
    }
  },
  { runs: 100, isAsync: true },
);

/** Sends these bytes and goes; counts what it is sent. */
function client(bytes: Buffer): Duplex {
  const chunks = [bytes, null];
  return new Duplex({
    read() {
      this.push(chunks.shift() ?? null);
    },
    write: (_chunk, _encoding, done) => {
      done();
    },
  });
}

const target = { pod: 'web', open: () => Promise.reject(new Error('connect: connection refused')) };

fuzz(
  'port-forward over spdy: ends with the client, nothing left over',
  frames,
  async (bytes) => {
    const clock = new FakeClock();
    await new SpdyForwarding({ client: client(bytes), target, clock })
      .run(Buffer.alloc(0))
      .catch((error: unknown) => {
        assert.ok(!isDefect(error), String(error));
      });
    assert.equal(clock.timers, 0);
  },
  { isAsync: true },
);

const said = Buffer.concat([
  clientFrame(frameKinds.binary, '\0hello'),
  clientFrame(frameKinds.ping, ''),
  clientFrame(frameKinds.binary - 0x80, '\x02half'),
  clientFrame(frameKinds.more, 'half'),
  clientFrame(frameKinds.text, `0${Buffer.alloc(60_000, 'x').toString('base64').slice(0, 60_000)}`),
  clientFrame(frameKinds.close, Buffer.from([3, 232])),
]);

fuzz(
  'port-forward over websocket: ends with the client',
  fc.record({ bytes: fc.oneof(hostileBytes(), damaged(said)), isText: fc.boolean() }),
  async ({ bytes, isText }) => {
    const headers = {
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      'sec-websocket-protocol': isText ? 'v4.base64.channel.k8s.io' : 'v4.channel.k8s.io',
    };
    const request = { method: 'GET', url: '/?port=80&port=81', headers } as unknown as IncomingMessage;
    const context = { target, clock: new FakeClock(), idleMs: 0, log: quietLog };
    await servePortForward(request, { client: client(bytes), head: Buffer.alloc(0) }, context);
  },
  { isAsync: true },
);
