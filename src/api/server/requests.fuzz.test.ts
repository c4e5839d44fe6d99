import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import fc from 'fast-check';
import { damaged, fuzz, hostileBytes } from '../../testing/fuzz.ts';
import { startKubelet, type TestServer } from '../../testing/kubelet-server.ts';
import { requestAttributes } from './attributes.ts';
import { bearerToken } from './credentials.ts';
import { subprotocols } from '../http/subprotocols.ts';
import { HttpFault } from '../http/http-fault.ts';
import { parseLogQuery } from './log-query.ts';
import { queryOf, queryTexts, requestTarget, routable, streamTarget } from '../http/request-target.ts';
import { forwardedPorts, streamOptions } from '../http/stream-options.ts';
import { streamHeaders } from '../http/upgrade-proxy.ts';

/** As node tells a request's bytes. */
const text = hostileBytes(2048).map((bytes) => bytes.toString('latin1'));
const target = fc.oneof(
  text,
  text.map((tail) => `/${tail}`),
  text.map((tail) => `/exec/${tail}?command=${tail}&output=1`),
  text.map((tail) => `http://host/${tail}`),
);

fuzz('request targets: what is routed is what is authorized', target, (url) => {
  const found = requestTarget(url);
  if (found === undefined) return;
  assert.ok(found.path.startsWith('/'));
  const again = requestTarget(routable(found)) ?? { path: '', query: '' };
  assert.deepEqual(again, found);
  for (const enterVerb of ['create', 'method'] as const)
    assert.deepEqual(
      requestAttributes('GET', again.path, enterVerb),
      requestAttributes('GET', found.path, enterVerb),
    );
  streamTarget(found.path);
});

const query = fc.oneof(
  text,
  fc
    .array(
      fc.tuple(
        fc.constantFrom('command', 'port', 'input', 'output', 'error', 'tty', 'tailLines', 'tail', 'follow'),
        text.map((value) => value.slice(0, 40)),
      ),
      { maxLength: 20 },
    )
    .map((pairs) => pairs.map(([name, value]) => `${name}=${value}`).join('&')),
  fc.nat({ max: 400_000 }).map((length) => 'a&'.repeat(length / 2)),
  fc.nat({ max: 400_000 }).map((length) => `port=${'1,'.repeat(length / 2)}`),
  fc.nat({ max: 400_000 }).map((length) => `tailLines=${'9'.repeat(length)}`),
);

fuzz('queries of streams and logs', query, (each) => {
  const url = `/x?${each}`;
  const parsed = queryOf(url);
  const refused = (work: () => unknown): void => {
    try {
      work();
    } catch (error) {
      assert.ok(error instanceof HttpFault, String(error));
    }
  };
  refused(() => streamOptions(parsed));
  refused(() => forwardedPorts(parsed));
  parseLogQuery(parsed, 1_700_000_000_000);
  assert.equal(queryTexts(url, 'command').length, parsed.getAll('command').length);
});

fuzz('headers of upgrades: no token goes on to the runtime', text, (value) => {
  const carrier = 'base64url.bearer.authorization.k8s.io.c2VjcmV0';
  const header = `${value},${carrier}`;
  bearerToken({ headers: { upgrade: 'websocket', 'sec-websocket-protocol': header, authorization: value } });
  subprotocols(value);
  const passed = streamHeaders(['Sec-WebSocket-Protocol', header, 'Authorization', value]);
  assert.ok(!passed.join('\n').includes('c2VjcmV0'));
});

let server: TestServer | undefined;
before(async () => {
  server = await startKubelet({
    backend: {
      stream: () => Promise.reject(new HttpFault(500, 'no')),
      run: () => Promise.resolve(Buffer.alloc(0)),
    },
  });
});
after(async () => {
  await server?.close();
});

const requests = [
  'GET /pods HTTP/1.1\r\nHost: k\r\nAuthorization: Bearer good\r\nConnection: close\r\n\r\n',
  'POST /exec/ns/p/c?command=a&output=1 HTTP/1.1\r\nHost: k\r\nAuthorization: Bearer good\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n',
  'POST /run/ns/p/c?cmd=a HTTP/1.1\r\nHost: k\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
  'GET http://x/%6cogs/ HTTP/1.0\r\nAuthorization: Bearer good\r\n\r\nGET /',
].map((each) => Buffer.from(each));

fuzz(
  'requests over a connection: an answer or an end, and the next one is served',
  fc.oneof(hostileBytes(), ...requests.map(damaged)),
  async (bytes) => {
    assert.ok(server !== undefined);
    const client = await server.connect();
    client.write(bytes);
    // whatever it was, it ends here
    client.socket.end();
    await client.until();
    client.socket.destroy();
    const next = await server.connect();
    next.ask('GET /healthz', ['Authorization: Bearer good', 'Connection: close']);
    assert.match(await next.until(), /^HTTP\/1\.1 200 /);
    next.socket.destroy();
    assert.ok(server.connections < 64, 'nothing piles up');
  },
  { runs: 60, isAsync: true },
);
