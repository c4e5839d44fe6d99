import assert from 'node:assert/strict';
import { createServer as createHttp2, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { TargetError, type Dial } from '../../hosts/link/dial-target.ts';
import { damaged, fuzz, hostileBytes } from '../../testing/fuzz.ts';
import { systemClock } from '../../util/clock.ts';
import { outcomeOf } from './grpc-call.ts';
import {
  codeName,
  decodeGrpcMessage,
  frame,
  grpcTimeout,
  healthRequest,
  healthStatus,
  onlyMessage,
} from './grpc-message.ts';
import { probeGrpc } from './grpc.ts';
import type { ProbeOutcome } from './probe.ts';

const dial: Dial = ({ host, port }) =>
  new Promise((resolve, reject) => {
    const socket = connect(port, host, () => {
      resolve(socket);
    });
    socket.once('error', (cause) => {
      reject(new TargetError('unavailable', 'box', cause.message, { cause }));
    });
  });
/** No waits between attempts to connect; the third ends the time. */
function options(stop = new AbortController()): Parameters<typeof probeGrpc>[2] {
  let sleeps = 0;
  const sleep = (): Promise<void> => {
    sleeps += 1;
    if (sleeps === 3) stop.abort(new Error('probe timeout'));
    stop.signal.throwIfAborted();
    return Promise.resolve();
  };
  return {
    signal: stop.signal,
    clock: { monotonic: () => systemClock.monotonic(), sleep: async () => sleep() },
  };
}

function portOf(server: { address(): AddressInfo | string | null }): number {
  return (server.address() as AddressInfo).port;
}

const serving = frame(Buffer.from([8, 1]));
const failed = (code: string, text: string): object => ({
  kind: 'failure',
  output: `error: health rpc probe failed: rpc error: code = ${code} desc = ${text}`,
});

interface Told {
  readonly status?: string;
  readonly message?: string;
  readonly body?: Buffer;
  readonly trailers?: Record<string, string>;
  readonly head?: Record<string, string | number>;
}

describe('grpc probe', () => {
  let server: Http2Server;
  let told: Told | ((stream: ServerHttp2Stream) => void) = {};
  let asked = Buffer.alloc(0);
  let headers: Record<string, unknown> = {};
  before(async () => {
    server = createHttp2();
    server.on('session', (session) => session.on('error', () => undefined));
    server.on('stream', (stream, seen) => {
      headers = { ...seen };
      asked = Buffer.alloc(0);
      stream.on('error', () => undefined);
      stream.on('data', (chunk: Buffer) => (asked = Buffer.concat([asked, chunk])));
      stream.on('end', () => {
        if (typeof told === 'function') {
          told(stream);
          return;
        }
        const { status, message = '', body, head } = told;
        const own = status === undefined ? {} : { 'grpc-status': status, 'grpc-message': message };
        const { trailers = own } = told;
        stream.respond(
          { ':status': 200, 'content-type': 'application/grpc', ...head },
          { waitForTrailers: true },
        );
        stream.on('wantTrailers', () => {
          stream.sendTrailers(trailers);
        });
        stream.end(body);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  after(() => server.close());

  const probe = (service = 'shop'): Promise<ProbeOutcome> =>
    probeGrpc(dial, { host: '127.0.0.1', port: portOf(server), service, timeoutSeconds: 1 }, options());

  const rows: { name: string; told: Told; expect: object }[] = [
    { name: 'serving', told: { status: '0', body: serving }, expect: { kind: 'success' } },
    {
      name: 'not serving',
      told: { status: '0', body: frame(Buffer.from([8, 2])) },
      expect: { kind: 'failure', output: 'service unhealthy (responded with "NOT_SERVING")' },
    },
    {
      name: 'an empty message',
      told: { status: '0', body: frame(Buffer.alloc(0)) },
      expect: { kind: 'failure', output: 'service unhealthy (responded with "UNKNOWN")' },
    },
    {
      name: 'a status that nobody knows, after a field that nobody knows',
      told: { status: '0', body: frame(Buffer.from([18, 2, 65, 66, 8, 0x8c, 1])) },
      expect: { kind: 'failure', output: 'service unhealthy (responded with "140")' },
    },
    {
      name: 'a message in gzip',
      told: {
        status: '0',
        body: Buffer.concat([Buffer.from([1]), frame(gzipSync(Buffer.from([8, 1]))).subarray(1)]),
        head: { 'grpc-encoding': 'gzip' },
      },
      expect: { kind: 'success' },
    },
    {
      name: 'no health service',
      told: { status: '12', message: 'no%20such' },
      expect: {
        kind: 'failure',
        output:
          'error: this server does not implement the grpc health protocol (grpc.health.v1.Health): no such',
      },
    },
    {
      name: 'too late by its own word',
      told: { status: '4' },
      expect: { kind: 'failure', output: 'timeout: health rpc did not complete within 1s' },
    },
    {
      name: 'a bare percent sign',
      told: { status: '2', message: '100% broken' },
      expect: failed('Unknown', '100% broken'),
    },
    {
      name: 'a percent sign at the end',
      told: { status: '2', message: '%' },
      expect: failed('Unknown', '%'),
    },
    {
      name: 'no trailers',
      told: { body: serving },
      expect: failed('Internal', 'server closed the stream without sending trailers'),
    },
    { name: 'no status', told: { body: serving, trailers: { x: 'y' } }, expect: failed('Unknown', '') },
    {
      name: 'a status that is none',
      told: { status: 'x', body: serving },
      expect: failed(
        'Unknown',
        'transport: malformed grpc-status: strconv.ParseInt: parsing "x": invalid syntax',
      ),
    },
    { name: 'a status of tomorrow', told: { status: '99', message: 'm' }, expect: failed('Code(99)', 'm') },
    {
      name: 'no message',
      told: { status: '0' },
      expect: failed(
        'Internal',
        'cardinality violation: received no response message from non-server-streaming RPC',
      ),
    },
    {
      name: 'two messages',
      told: { status: '0', body: Buffer.concat([serving, serving]) },
      expect: failed(
        'Internal',
        'cardinality violation: expected <EOF> for non server-streaming RPCs, but received another message',
      ),
    },
    {
      name: 'half a message',
      told: { status: '0', body: serving.subarray(0, 6) },
      expect: failed('Internal', 'unexpected EOF'),
    },
    {
      name: 'a message too large',
      told: { status: '0', body: Buffer.from([0, 0x7f, 0xff, 0xff, 0xff, 1]) },
      expect: failed('ResourceExhausted', 'grpc: received message larger than max (2147483647 vs. 4194304)'),
    },
    {
      name: 'what is no message',
      told: { status: '0', body: frame(Buffer.from([0xff])) },
      expect: failed(
        'Internal',
        'grpc: failed to unmarshal the received message: proto:\u00a0cannot parse invalid wire-format data',
      ),
    },
    {
      name: 'a web server',
      told: { head: { ':status': 404, 'content-type': 'text/html' }, body: Buffer.from('<html>') },
      expect: {
        kind: 'failure',
        output:
          'error: this server does not implement the grpc health protocol (grpc.health.v1.Health): unexpected HTTP status code received from server: 404 (Not Found); transport: received unexpected content-type "text/html"',
      },
    },
  ];
  for (const { name, told: answer, expect } of rows)
    it(`is answered with ${name}`, async () => {
      told = answer;
      assert.deepEqual(await probe(), expect);
    });

  it('tells a stream that the server resets, and a connection that it ends', async () => {
    told = (stream) => {
      stream.close(0xb);
    };
    assert.deepEqual(
      await probe(),
      failed('ResourceExhausted', 'stream terminated by RST_STREAM with error code: ENHANCE_YOUR_CALM'),
    );
    told = (stream) => {
      stream.session?.socket.destroy();
      stream.session?.destroy();
    };
    assert.deepEqual(await probe(), failed('Unavailable', 'error reading from server: EOF'));
  });

  it('asks as the kubelet does, names of any length', async () => {
    told = { status: '0', body: serving };
    for (const length of [0, 4, 127, 128, 16_383, 16_384, 200_000]) {
      const service = 's'.repeat(length);
      assert.deepEqual(await probe(service), { kind: 'success' }, String(length));
      assert.ok(asked.equals(frame(healthRequest(service))), String(length));
    }
    const { 'grpc-timeout': limit, ...rest } = headers;
    assert.match(String(limit), /^\d{1,8}[num]$/);
    assert.deepEqual(Object.fromEntries(Object.entries(rest)), {
      ':method': 'POST',
      ':scheme': 'http',
      ':path': '/grpc.health.v1.Health/Check',
      ':authority': `127.0.0.1:${String(portOf(server))}`,
      'content-type': 'application/grpc',
      'user-agent': 'kube-probe/1.36 grpc-go/1.79.3',
      te: 'trailers',
      'grpc-accept-encoding': 'gzip',
    });
  });

  it('is late where no answer comes', async () => {
    const stop = new AbortController();
    told = () => {
      stop.abort(new Error('probe timeout'));
    };
    const target = { host: '127.0.0.1', port: portOf(server), service: '', timeoutSeconds: 1 };
    assert.deepEqual(await probeGrpc(dial, target, options(stop)), {
      kind: 'failure',
      output: 'timeout: health rpc did not complete within 1s',
    });
  });
});

describe('a grpc probe of what is no gRPC server', () => {
  it('tries to connect until its time is over', async () => {
    let tries = 0;
    const other = createServer((socket) => {
      tries += 1;
      socket.resume().end('HTTP/1.1 400 Bad Request\r\n\r\n');
    });
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const port = portOf(other);
    const target = { host: '127.0.0.1', port, service: '', timeoutSeconds: 3690 };
    const output = `timeout: failed to connect service "127.0.0.1:${String(port)}" within 1h1m30s: context deadline exceeded`;
    assert.deepEqual(await probeGrpc(dial, target, options()), { kind: 'failure', output });
    assert.equal(tries, 3);
    await new Promise((resolve) => other.close(resolve));
    assert.deepEqual(await probeGrpc(dial, target, options()), { kind: 'failure', output });
  });
});

describe('what a health check is made of', () => {
  it('names of any length, and none', () => {
    assert.equal(healthRequest('').length, 0);
    assert.deepEqual(healthRequest('a'.repeat(200)).subarray(0, 3), Buffer.from([0x0a, 0xc8, 0x01]));
    assert.deepEqual(healthRequest('a'.repeat(70_000)).subarray(0, 4), Buffer.from([0x0a, 0xf0, 0xa2, 0x04]));
  });

  const texts: [coded: string, text: string][] = [
    ['', ''],
    ['no%20such', 'no such'],
    ['100% broken', '100% broken'],
    ['%', '%'],
    ['%4', '%4'],
    ['%zz%41', '%zzA'],
    ['%%41', '%A'],
    ['%C3%A9', 'é'],
    ['\u{c3}\u{a9}', 'é'],
    ['%FF', '\u{fffd}'],
  ];
  for (const [coded, text] of texts)
    it(`the text of a status: ${JSON.stringify(coded)}`, () => {
      assert.equal(decodeGrpcMessage(coded), text);
    });

  const limits: [ms: number, expect: string][] = [
    [0, '0n'],
    [1, '1000000n'],
    [999.5, '999500u'],
    [100_000, '100000m'],
    [2_147_483_647_000, '35791395M'],
    [1e15, '277777778H'],
  ];
  for (const [ms, expect] of limits)
    it(`a limit of ${String(ms)} ms`, () => {
      assert.equal(grpcTimeout(ms), expect);
    });

  fuzz(
    'gRPC health messages',
    fc.oneof(hostileBytes(), damaged(Buffer.from([18, 2, 65, 66, 8, 1]))),
    healthStatus,
  );
  fuzz(
    'gRPC frames',
    fc.tuple(
      fc.oneof(hostileBytes(), damaged(Buffer.concat([serving, serving]))),
      fc.constantFrom(undefined, 'gzip', 'x'),
    ),
    ([body, encoding]) => onlyMessage(body, encoding),
  );
  const text = hostileBytes(200).map((bytes) => bytes.toString('latin1'));
  const fields = fc
    .dictionary(
      fc.constantFrom(':status', 'content-type', 'grpc-status', 'grpc-message', 'grpc-encoding'),
      text,
    )
    .map((all) => new Map(Object.entries(all)));
  fuzz(
    'gRPC answers',
    fc.record({
      head: fc.option(fields, { nil: undefined }),
      trailers: fc.option(fields, { nil: undefined }),
      body: hostileBytes(64),
      broken: fc.constant(undefined),
    }),
    (answer) => {
      const outcome = outcomeOf(answer);
      if ('code' in outcome) assert.ok(codeName(outcome.code).length > 0);
    },
  );
});

describe('a grpc probe', () => {
  /** After the settings, what a server would send first: ours, and the acknowledgement of theirs. */
  const settings = Buffer.from('000000040000000000000000040100000000', 'hex');
  const answer = Buffer.concat([
    Buffer.from([0, 0, 0x3c, 1, 5, 0, 0, 0, 1]),
    Buffer.from(
      '\x88\x5f\x10application/grpc\0\x0bgrpc-status\x012\0\x0cgrpc-message\x0b100% broken',
      'latin1',
    ),
  ]);
  let server: Server;
  /** what is sent at once, and once the request is there */
  let first: Buffer = settings;
  let bytes: Buffer = Buffer.alloc(0);
  const sockets = new Set<Socket>();
  before(async () => {
    server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      let seen = Buffer.alloc(0);
      socket.once('data', () => socket.write(first));
      socket.on('data', (chunk: Buffer) => {
        seen = Buffer.concat([seen, chunk]);
        if (!first.equals(settings) || isAsked(seen)) socket.end(bytes);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const probe = (): Promise<ProbeOutcome> =>
    probeGrpc(dial, { host: '127.0.0.1', port: portOf(server), service: '', timeoutSeconds: 1 }, options());

  it('takes what a server sent before it closed the connection', async () => {
    bytes = answer;
    assert.deepEqual(await probe(), failed('Unknown', '100% broken'));
  });

  const good = fc.constant(settings);
  fuzz(
    'bytes that answer a gRPC probe',
    fc.oneof(
      fc.tuple(good, hostileBytes(256)),
      fc.tuple(good, damaged(answer)),
      fc.tuple(fc.oneof(hostileBytes(64), damaged(settings)), fc.constant(answer)),
    ),
    async ([before, then]) => {
      first = before;
      bytes = then;
      assert.match((await probe()).kind, /^(failure|success)$/);
    },
    { runs: 100, isAsync: true },
  );
});

/** The request's message has come: a DATA frame behind the preface. */
function isAsked(bytes: Buffer): boolean {
  for (let at = 24; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3))
    if (bytes[at + 3] === 0) return true;
  return false;
}
