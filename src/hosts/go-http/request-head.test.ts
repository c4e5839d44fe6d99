import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HTTPGetAction } from '../../model/kube.ts';
import { http2Head } from './http2-words.ts';
import { punycode } from './punycode.ts';
import { refuseRequest, requestHead } from './request-head.ts';
import { requestOf } from './request.ts';

const ofProbe = { closes: true, asksForGzip: false };
const ofHook = { closes: false, asksForGzip: true };

function request(action: Partial<HTTPGetAction>, headers: readonly [string, string][] = []) {
  const httpHeaders = headers.map(([name, value]) => ({ name, value }));
  return requestOf(
    { path: '/p', ...action, httpHeaders },
    { address: '10.0.0.1', port: 80, purpose: 'probe' },
  );
}

describe('what is sent', () => {
  const rows: { name: string; headers?: [string, string][]; host?: string; lines: string[] }[] = [
    {
      name: 'by default',
      lines: ['Host: 10.0.0.1:80', 'User-Agent: kube-probe/1.36', 'Accept: */*', 'Connection: close'],
    },
    {
      name: 'sorted, with names as they are known and both values of one',
      headers: [
        ['x-mIxEd-case', 'one'],
        ['a', '1'],
        ['X-Mixed-Case', ' two\t'],
        ['user-agent', 'me'],
        ['User-Agent', 'not me'],
      ],
      lines: [
        'Host: 10.0.0.1:80',
        'User-Agent: me',
        'A: 1',
        'Accept: */*',
        'X-Mixed-Case: one',
        'X-Mixed-Case: two',
        'Connection: close',
      ],
    },
    {
      name: 'the first host alone, and nothing that is empty by will',
      headers: [
        ['HOST', 'shop.example'],
        ['host', 'other.example'],
        ['accept', ''],
        ['user-agent', ''],
      ],
      lines: ['Host: shop.example', 'Connection: close'],
    },
    {
      name: 'values beyond ASCII as UTF-8, a host in punycode',
      headers: [
        ['Host', 'Zoë.de:80'],
        ['X-City', '東京'],
      ],
      lines: [
        'Host: xn--Zo-ija.de:80',
        'User-Agent: kube-probe/1.36',
        'Accept: */*',
        'X-City: 東京',
        'Connection: close',
      ],
    },
    {
      name: 'no host that is none',
      headers: [['Host', 'a b']],
      lines: ['Host: ', 'User-Agent: kube-probe/1.36', 'Accept: */*', 'Connection: close'],
    },
    {
      name: 'an address without its zone',
      host: 'fe80::1%eth0',
      lines: ['Host: [fe80::1]:80', 'User-Agent: kube-probe/1.36', 'Accept: */*', 'Connection: close'],
    },
    {
      name: 'nothing of what delimits a body, and one word on closing',
      headers: [
        ['Content-Length', '5'],
        ['Transfer-Encoding', 'chunked'],
        ['Trailer', 'x'],
        ['Connection', 'foo, close'],
      ],
      lines: ['Host: 10.0.0.1:80', 'User-Agent: kube-probe/1.36', 'Accept: */*', 'Connection: foo, close'],
    },
  ];
  for (const { name, headers = [], host, lines } of rows)
    it(name, () => {
      const head = requestHead(request(host === undefined ? {} : { host }, headers), ofProbe);
      assert.equal(head.toString(), ['GET /p HTTP/1.1', ...lines, '', ''].join('\r\n'));
    });

  it('by a hook asks for gzip and keeps the connection', () => {
    const head = requestHead(request({ path: '//u:p@h/p' }), ofHook).toString();
    assert.equal(
      head,
      'GET /p HTTP/1.1\r\nHost: 10.0.0.1:80\r\nUser-Agent: kube-probe/1.36\r\nAccept: */*\r\nAuthorization: Basic dTpw\r\nAccept-Encoding: gzip\r\n\r\n',
    );
    assert.doesNotMatch(requestHead(request({}, [['Range', 'x']]), ofHook).toString(), /gzip/);
  });

  const refused: [action: Partial<HTTPGetAction>, headers: [string, string][], why: string][] = [
    [{}, [['X-A', 'a\nb']], 'net/http: invalid header field value for "X-A"'],
    [{}, [['X A', 'a']], 'net/http: invalid header field name "X A"'],
    [{ scheme: 'FTP' }, [], 'unsupported protocol scheme "ftp"'],
    [{ path: 'mailto:x' }, [], 'http: no Host in request URL'],
  ];
  for (const [action, headers, why] of refused)
    it(`is nothing: ${why}`, () => {
      assert.throws(
        () => {
          refuseRequest(request(action, headers));
        },
        { message: why },
      );
    });

  it('over HTTP/2 has no fields of a connection', () => {
    const headers: [string, string][] = [
      ['Host', 'shop'],
      ['X-A', '1'],
      ['x-a', '2'],
      ['Cookie', 'a=b; c=d'],
      ['Connection', 'close'],
      ['Accept', ''],
    ];
    assert.deepEqual(http2Head(request({}, headers)), {
      authority: 'shop',
      path: '/p',
      fields: [
        ['x-a', '1'],
        ['x-a', '2'],
        ['cookie', 'a=b'],
        ['cookie', 'c=d'],
        ['user-agent', 'kube-probe/1.36'],
      ],
    });
    assert.throws(() => http2Head(request({}, [['Connection', 'foo']])), {
      message: 'http2: invalid Connection request header: ["foo"]',
    });
    assert.throws(() => http2Head(request({}, [['Host', 'a b']])), { message: 'http2: invalid Host header' });
  });
});

it('punycode is RFC 3492 with its case kept', () => {
  for (const [label, expect] of [
    ['bücher', 'bcher-kva'],
    ['Bücher', 'Bcher-kva'],
    ['東京', '1lqs71d'],
    ['他们为什么不说中文', 'ihqwcrb4cv8a8dqg056pqjye'],
    ['ü', 'tda'],
    ['💥', 'hs8h'],
  ] as const)
    assert.equal(punycode(label), expect);
});
