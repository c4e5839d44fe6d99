import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createSecureServer, type Http2SecureServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { dialLoopback, rawServer } from '../../testing/raw-server.ts';
import { httpTarget, probeHttp } from '../../pods/probes/http.ts';
import { hookRequest, sendHookRequest } from '../../runtime/stop/hook-http.ts';

const { signal } = new AbortController();
const folder = mkdtempSync(join(tmpdir(), 'farlet-tls-'));
let identity: { cert: Buffer; key: Buffer };
before(() => {
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const made = [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-keyout',
    key,
    '-out',
    cert,
  ];
  execFileSync('openssl', ['req', '-x509', ...made, '-days', '1', '-subj', '/CN=x'], { stdio: 'ignore' });
  identity = { cert: readFileSync(cert), key: readFileSync(key) };
});
after(() => {
  rmSync(folder, { recursive: true });
});

async function probed(port: number): Promise<string> {
  const target = httpTarget({ scheme: 'HTTPS', path: '/p', port }, '127.0.0.1', port);
  const outcome = await probeHttp(dialLoopback, target, { signal });
  const output = 'output' in outcome ? `: ${outcome.output.replaceAll(String(port), '@PORT@')}` : '';
  return `${outcome.kind}${output}`;
}

const get = 'failure: Get "https://127.0.0.1:@PORT@/p":';

describe('what sits where TLS is expected', () => {
  const rows: [name: string, bytes: string, expect: string][] = [
    ['plain HTTP', 'HTTP/1.1 400 Bad Request\r\n\r\n', 'http: server gave HTTP response to HTTPS client'],
    ['ssh', 'SSH-2.0-x\r\n', 'tls: first record does not look like a TLS handshake'],
    ['SSLv2', '\x80\x2e\x01\x03\x01', 'tls: unsupported SSLv2 handshake received'],
    ['an alert', '\x15\x03\x03\x00\x02\x02\x28', 'remote error: tls: handshake failure'],
    ['an old alert', '\x15\x03\x01\x00\x02\x02\x46', 'remote error: tls: protocol version not supported'],
    ['an unknown alert', '\x15\x03\x01\x00\x02\x02\x99', 'remote error: tls: alert(153)'],
    ['nothing', '', 'EOF'],
    ['part of a record', '\x16\x03\x01\x00', 'unexpected EOF'],
    [
      'TLS 1.0',
      `\x16\x03\x01\x00\x2a\x02\x00\x00\x26\x03\x01${'r'.repeat(32)}\x00\xc0\x13\x00`,
      'tls: server selected unsupported protocol version 301',
    ],
  ];
  for (const [name, bytes, expect] of rows)
    it(name, async (test) => {
      const server = await rawServer([{ bytes }], { until: /^\x16/ });
      test.after(() => server.close());
      assert.equal(await probed(server.port), `${get} ${expect}`);
    });
});

describe('a probe over TLS', () => {
  it('speaks HTTP/1.1 to a server that knows no other', async (test) => {
    const server = await rawServer([{ bytes: 'HTTP/1.1 503 no\r\n\r\n' }], { tls: identity });
    test.after(() => server.close());
    assert.equal(await probed(server.port), 'failure: HTTP probe failed with statuscode: 503');
    assert.match(server.seen[0] ?? '', /^GET \/p HTTP\/1\.1\r\n[^]*Connection: close\r\n/);
  });

  const frames: [name: string, bytes: string, expect: string][] = [
    [
      'text',
      'HTTP/1.1 200 OK\r\n\r\n',
      'http2: failed reading the frame payload: http2: frame too large, note that the frame header looked like an HTTP/1.1 header',
    ],
    ['older text', 'HTTP/1.0 200 OK\r\n\r\n', 'http2: frame too large'],
    ['no settings first', '\0\0\x04\x03\0\0\0\0\x01\0\0\0\x02', 'connection error: PROTOCOL_ERROR'],
    [
      'a reset',
      '\0\0\0\x04\0\0\0\0\0\0\0\x04\x03\0\0\0\0\x01\0\0\0\x02',
      'stream error: stream ID 1; INTERNAL_ERROR; received from peer',
    ],
    ['an end', '\0\0\0\x04\0\0\0\0\0', 'unexpected EOF'],
  ];
  for (const [name, bytes, expect] of frames)
    it(`has words for ${name} where HTTP/2 was agreed upon`, async (test) => {
      const server = await rawServer([{ bytes }], {
        until: /^PRI \* HTTP\/2\.0\r\n\r\nSM\r\n\r\n/,
        tls: { ...identity, ALPNProtocols: ['h2', 'http/1.1'] },
      });
      test.after(() => server.close());
      assert.equal(await probed(server.port), `${get} ${expect}`);
    });
});

describe('a server of HTTP/2', () => {
  let server: Http2SecureServer;
  let seen: unknown[] = [];
  const answer: Record<string, (stream: ServerHttp2Stream) => void> = {
    '/p': (stream) => {
      stream.respond({ ':status': 302, location: '/q' });
      stream.end('bye');
    },
    '/q': (stream) => {
      stream.respond({ ':status': 200, 'x-long': 'a'.repeat(40_000) });
      stream.end('x'.repeat(50_000));
    },
  };
  before(async () => {
    server = createSecureServer({ ...identity, allowHTTP1: true });
    server.on('stream', (stream, headers) => {
      seen.push([
        headers[':authority'],
        headers[':path'],
        headers.accept,
        headers.referer,
        headers.connection,
      ]);
      answer[String(headers[':path'])]?.(stream);
    });
    server.on('request', (request, response) => {
      if (request.httpVersion !== '1.1') return;
      seen.push([request.httpVersion, request.socket.constructor.name, request.headers.connection]);
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  after(() => server.close());
  const port = (): number => (server.address() as AddressInfo).port;

  it('is spoken to by probes in HTTP/2, redirects included', async () => {
    seen = [];
    assert.equal(await probed(port()), 'success');
    const authority = `127.0.0.1:${String(port())}`;
    assert.deepEqual(seen, [
      [authority, '/p', '*/*', undefined, undefined],
      [authority, '/q', '*/*', `https://${authority}/p`, undefined],
    ]);
  });

  it('is spoken to by hooks in HTTP/1.1', async () => {
    seen = [];
    const hook = hookRequest({ scheme: 'HTTPS', port: port() }, { name: 'c' }, '127.0.0.1');
    await sendHookRequest(dialLoopback, hook, { signal });
    assert.deepEqual(seen, [['1.1', 'TLSSocket', undefined]]);
  });
});
