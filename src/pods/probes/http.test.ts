import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HostError } from '../../model/errors.ts';
import type { HTTPGetAction } from '../../model/kube.ts';
import { dialLoopback, rawServer, type RawAnswer } from '../../testing/raw-server.ts';
import { httpTarget, probeHttp } from './http.ts';
import { ProbeError } from './probe.ts';

const { signal } = new AbortController();
const ok = { bytes: 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok' };

/** How the probe went, in one line, with `@PORT@` for the server's port. */
async function probed(
  answers: readonly RawAnswer[],
  action: Partial<HTTPGetAction> = {},
): Promise<{ said: string; seen: string[] }> {
  const server = await rawServer(answers);
  const hide = (text: string): string => text.replaceAll(String(server.port), '@PORT@');
  try {
    const target = httpTarget({ path: '/p', ...action, port: 0 }, '127.0.0.1', server.port);
    const outcome = await probeHttp(dialLoopback, target, { signal });
    const output = 'output' in outcome ? `: ${outcome.output}` : '';
    return { said: hide(`${outcome.kind}${output}`), seen: server.seen.map(hide) };
  } catch (error) {
    assert.ok(error instanceof ProbeError);
    return { said: hide(`errored, ${error.result}: ${error.message}`), seen: server.seen.map(hide) };
  } finally {
    await server.close();
  }
}

const get = 'failure: Get "http://127.0.0.1:@PORT@/p":';
const broken = `${get} net/http: HTTP/1.x transport connection broken:`;

describe('an answer to an http probe', () => {
  const rows: [name: string, bytes: string, expect: string][] = [
    ['with bare line feeds', 'HTTP/1.1 200 OK\nContent-Length: 2\n\nok', 'success'],
    ['of HTTP/1.0, without a header', 'HTTP/1.0 200 OK\n\n', 'success'],
    ['with 200 kB in its header', `HTTP/1.1 200 OK\r\nX: ${'a'.repeat(200_000)}\r\n\r\nok`, 'success'],
    ['without words', 'HTTP/1.1 200\r\n\r\n', 'success'],
    ['with odd blanks', 'HTTP/1.1   204   No\r\nX A : b\r\n\r\n', 'success'],
    ['with folded lines', 'HTTP/1.1 200 OK\r\nX: a\r\n  b\r\n\t\r\n\r\n', 'success'],
    [
      'after others',
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nX: y\r\n\r\nHTTP/1.1 200 OK\r\n\r\n',
      'success',
    ],
    ['with bytes that are no text', 'HTTP/1.1 200 \xff\r\nX: \xfe\r\n\r\n\xfd', 'success'],
    ['of a newer HTTP', 'HTTP/9.9 200 OK\r\n\r\n', 'success'],
    [
      'with a body in chunks',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n2;x\r\nok\r\n0\r\nX: y\r\n\r\n',
      'success',
    ],
    ['with a body that never ends', `HTTP/1.1 200 OK\r\n\r\n${'x'.repeat(50_000)}`, 'success'],
    ['with names of object members', 'HTTP/1.1 200 OK\r\n__proto__: x\r\nconstructor: y\r\n\r\n', 'success'],
    ['that says no', 'HTTP/1.1 503 no\r\n\r\n', 'failure: HTTP probe failed with statuscode: 503'],
    ['of a small number', 'HTTP/1.1 +20 x\r\n\r\n', 'failure: HTTP probe failed with statuscode: 20'],
    [
      'that changes the protocol',
      'HTTP/1.1 101 x\r\n\r\n',
      'failure: HTTP probe failed with statuscode: 101',
    ],
    [
      'that leads nowhere',
      'HTTP/1.1 302 x\r\nContent-Length: 2\r\n\r\nno',
      'warning: Probe terminated redirects, Response body: no',
    ],
    [
      'of no change, that leads',
      'HTTP/1.1 304 x\r\nLocation: /x\r\n\r\n',
      'warning: Probe terminated redirects, Response body: ',
    ],
    [
      'whose body is no text',
      'HTTP/1.1 300 x\r\n\r\n\xe6\x9d\xc3\xa9',
      'warning: Probe terminated redirects, Response body: \ufffd\ufffdé',
    ],
    ['that is none', '', `${get} EOF`],
    ['of ssh', 'SSH-2.0-x\r\n', `${broken} malformed HTTP response "SSH-2.0-x"`],
    [
      'that is an alert of TLS',
      '\x15\x03\x01\x00\x02\x02\x28',
      `${broken} malformed HTTP response "\\x15\\x03\\x01\\x00\\x02\\x02("`,
    ],
    ['that begins empty', '\r\n', `${broken} malformed HTTP response ""`],
    ['with no number', 'HTTP/1.1 abc\r\n\r\n', `${broken} malformed HTTP status code "abc"`],
    ['with a long number', 'HTTP/1.1 2000 x\r\n\r\n', `${broken} malformed HTTP status code "2000"`],
    ['of another protocol', 'ICY 200 OK\r\n\r\n', `${broken} malformed HTTP version "ICY"`],
    [
      'without a colon',
      'HTTP/1.1 200 OK\r\nfoo\r\n\r\n',
      `${broken} malformed MIME header: missing colon: "foo"`,
    ],
    [
      'with a control character',
      'HTTP/1.1 200 OK\r\nx-a: b\x01\r\n\r\n',
      `${broken} malformed MIME header line: "X-A: b\\x01"`,
    ],
    [
      'with a name that is none',
      'HTTP/1.1 200 OK\r\nx(: b\r\n\r\n',
      `${broken} malformed MIME header line: "x(: b"`,
    ],
    [
      'that begins folded',
      'HTTP/1.1 200 OK\r\n x: b\r\n\r\n',
      `${broken} malformed MIME header initial line: " x: b"`,
    ],
    ['that ends in its header', 'HTTP/1.1 200 OK\r\nX: y', `${broken} unexpected EOF`],
    [
      'of two lengths',
      'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nok',
      `${broken} http: message cannot contain multiple Content-Length headers; got ["1" "2"]`,
    ],
    ['of a bad length', 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n', `${broken} bad Content-Length "-1"`],
    [
      'of no length',
      'HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n',
      `${broken} invalid empty Content-Length ""`,
    ],
    [
      'in another coding',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n',
      `${broken} unsupported transfer encoding: "gzip"`,
    ],
    [
      'in two codings',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: a\r\nTransfer-Encoding: b\r\n\r\n',
      `${broken} too many transfer encodings: ["a" "b"]`,
    ],
    [
      'with a bad trailer',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: a, content-length\r\n\r\n',
      `${broken} bad trailer key "Content-Length"`,
    ],
    ['that is cut', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok', 'errored, failure: unexpected EOF'],
    [
      'that fails and is cut',
      'HTTP/1.1 500 no\r\nContent-Length: 5\r\n\r\nok',
      'errored, failure: unexpected EOF',
    ],
    ...(
      [
        ['2\nok', 'chunked line ends with bare LF'],
        ['2\rx\r\nok', 'invalid CR in chunked line'],
        ['x\r\n', 'invalid byte in chunk length'],
        ['\r\n', 'empty hex number for chunk length'],
        ['fffffffffffffffff\r\n', 'http chunk length too large'],
        ['2\r\nokXX', 'malformed chunked encoding'],
        ['2\r\no', 'unexpected EOF'],
        ['0\r\n', 'http: unexpected EOF reading trailer'],
        [`0\r\n${'X: y\r\n'.repeat(900)}\r\n`, 'http: suspiciously long trailer after chunked body'],
        [`1;${'x'.repeat(5000)}`, 'header line too long'],
        [`1;${'x'.repeat(4000)}\r\nX\r\n`.repeat(5), 'chunked encoding contains too much non-data'],
      ] as const
    ).map(([chunk, why]): [string, string, string] => [
      `with a bad chunk: ${why}`,
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}`,
      `errored, failure: ${why}`,
    ]),
  ];
  for (const [name, bytes, expect] of rows)
    it(name, async () => {
      assert.equal((await probed([{ bytes }])).said, expect);
    });

  it('may have a header of ten megabytes and no more', async () => {
    const bytes = Buffer.alloc((10 << 20) + 1, 'a');
    bytes.write('HTTP/1.1 200 OK\r\nX: ');
    assert.equal(
      (await probed([{ bytes, then: 'hang' }])).said,
      `${broken} net/http: server response headers exceeded 10485760 bytes; aborted`,
    );
    bytes.write('\r\n\r\n', (10 << 20) - 4);
    assert.equal((await probed([{ bytes }])).said, 'success');
  });

  it('is enough, although the connection breaks behind it', async () => {
    const { said } = await probed([
      { bytes: 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', then: 'hang' },
    ]);
    assert.equal(said, 'success');
    const reset = (await probed([{ bytes: '', then: 'reset' }])).said;
    assert.match(reset, /: read tcp 127\.0\.0\.1:\d+->127\.0\.0\.1:@PORT@: read: connection reset by peer$/);
  });
});

describe('a redirect', () => {
  const to = (location: string, status = '302 x'): RawAnswer => ({
    bytes: `HTTP/1.1 ${status}\r\nLocation: ${location}\r\nContent-Length: 3\r\n\r\nbye`,
  });
  const rows: [location: string, expect: string, request?: string][] = [
    ['/x', 'success', 'GET /x HTTP/1.1'],
    ['x?y#z', 'success', 'GET /x?y HTTP/1.1'],
    ['/x y ', 'success', 'GET /x%20y HTTP/1.1'],
    ['//127.0.0.1:@PORT@/x', 'success', 'GET /x HTTP/1.1'],
    ['http://u:p@127.0.0.1:@PORT@/', 'success', 'GET / HTTP/1.1'],
    ['\xff', 'success', 'GET /%FF HTTP/1.1'],
    ['', 'warning: Probe terminated redirects, Response body: bye'],
    ['http://elsewhere.example/', 'warning: Probe terminated redirects, Response body: bye'],
    ['mailto:x', 'warning: Probe terminated redirects, Response body: bye'],
    ['/%zz', `${get} failed to parse Location header "/%zz": parse "/%zz": invalid URL escape "%zz"`],
    [
      'http://127.0.0.1:x/',
      `${get} failed to parse Location header "http://127.0.0.1:x/": parse "http://127.0.0.1:x/": invalid port ":x" after host`,
    ],
    ['ftp://127.0.0.1/x', 'failure: Get "ftp://127.0.0.1/x": unsupported protocol scheme "ftp"'],
    [
      'http://127.0.0.1:99999/',
      'failure: Get "http://127.0.0.1:99999/": dial tcp: address 99999: invalid port',
    ],
    [
      'https://u:p@127.0.0.1:@PORT@/',
      'failure: Get "https://u:***@127.0.0.1:@PORT@/": http: server gave HTTP response to HTTPS client',
    ],
  ];
  for (const [location, expect, request] of rows)
    it(`to ${JSON.stringify(location)}`, async (test) => {
      const plain = { bytes: 'HTTP/1.1 400 x\r\n\r\n\r\n\r\n' };
      const isTls = location.startsWith('https');
      const server = await rawServer([to(location), isTls ? plain : ok], {
        until: isTls ? /\n|\x16/ : /\r\n\r\n/,
      });
      test.after(() => server.close());
      const hide = (text: string): string => text.replaceAll(String(server.port), '@PORT@');
      const target = httpTarget({ path: '/p', port: 0 }, '127.0.0.1', server.port);
      const outcome = await probeHttp(dialLoopback, target, { signal });
      assert.equal(hide(`${outcome.kind}${'output' in outcome ? `: ${outcome.output}` : ''}`), expect);
      if (request !== undefined) assert.equal(server.seen[1]?.split('\r\n')[0], request);
    });

  it('takes along what the first request had, and where it came from', async () => {
    const httpHeaders = [
      { name: 'Host', value: 'shop' },
      { name: 'Cookie', value: 'a=b' },
      { name: 'Content-Type', value: 'x' },
    ];
    const { said, seen } = await probed([to('/a', '307 x'), to('/b', '303 x'), ok], { httpHeaders });
    assert.equal(said, 'success');
    assert.deepEqual(
      seen.map((text) => text.split('\r\n').filter((line) => /^(?:Host|Cookie|Content|Referer)/.test(line))),
      [
        ['Host: shop', 'Content-Type: x', 'Cookie: a=b'],
        ['Host: shop', 'Content-Type: x', 'Cookie: a=b', 'Referer: http://127.0.0.1:@PORT@/p'],
        ['Host: shop', 'Cookie: a=b', 'Referer: http://127.0.0.1:@PORT@/a'],
      ],
    );
  });

  it('ends with the tenth', async () => {
    const { said, seen } = await probed([to('/again')]);
    assert.equal(said, 'failure: Get "/again": stopped after 10 redirects');
    assert.equal(seen.length, 10);
  });
});

describe('an http probe', () => {
  it('is late while it waits for an answer, and while it reads one', async (test) => {
    for (const [bytes, expect] of [
      [
        'HTTP/1.1 2',
        /^failure: Get "http:.*": context deadline exceeded \(Client\.Timeout exceeded while awaiting headers\)$/,
      ],
      [
        'HTTP/1.1 200 OK\r\n\r\nx',
        /^errored, failure: context deadline exceeded \(Client\.Timeout or context cancellation while reading body\)$/,
      ],
    ] as const) {
      const stop = new AbortController();
      const server = await rawServer([{ bytes, then: 'hang' }]);
      test.after(() => server.close());
      const target = httpTarget({ path: '/p', port: 0 }, '127.0.0.1', server.port);
      const dial = async (to: { host: string; port: number }) => {
        const socket = await dialLoopback(to);
        socket.once('data', () => {
          setImmediate(() => {
            stop.abort(new Error('time'));
          });
        });
        return socket;
      };
      const said = await probeHttp(dial, target, { signal: stop.signal }).then(
        (outcome) => `${outcome.kind}: ${'output' in outcome ? outcome.output : ''}`,
        (error: unknown) =>
          error instanceof ProbeError ? `errored, ${error.result}: ${error.message}` : String(error),
      );
      assert.match(said, expect);
    }
  });

  it('tells what could not be dialed', async () => {
    const refuse = (error: Error) => (): Promise<never> => Promise.reject(error);
    const target = httpTarget({ path: '/a?b=c', port: 80 }, '10.0.0.9', 80);
    const refused = Object.assign(new Error('no'), { code: 'ECONNREFUSED' });
    assert.deepEqual(await probeHttp(refuse(refused), target, { signal }), {
      kind: 'failure',
      output: 'Get "http://10.0.0.9:80/a?b=c": dial tcp 10.0.0.9:80: connect: connection refused',
    });
    const cut = new HostError('unavailable', 'box', 'box: ssh: connection lost');
    assert.deepEqual(await probeHttp(refuse(cut), target, { signal }), {
      kind: 'failure',
      output: 'Get "http://10.0.0.9:80/a?b=c": box: ssh: connection lost',
    });
  });

  it('can not be made of a host that is none', () => {
    assert.throws(() => httpTarget({ host: 'a b', port: 80 }, '10.0.0.9', 80), {
      message: 'parse "http://a%20b:80": invalid URL escape "%20"',
    });
  });
});
