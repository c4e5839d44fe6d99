import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { messageOf } from '../../model/errors.ts';
import { byteString, textOf } from './byte-string.ts';
import { requestOf } from './request.ts';
import { parseUrl } from './url.ts';
import { hostAndPort, publicUrlText, requestUri, resolveUrl, urlText } from './url-text.ts';

/** What a probe of the path at 10.0.0.1:80 shows and asks for, or why it can't be asked. */
function asked(path: string, host = ''): string {
  try {
    const { url } = requestOf({ path, host }, { address: '10.0.0.1', port: 80, purpose: 'probe' });
    return `${textOf(publicUrlText(url))} ${textOf(requestUri(url))}`;
  } catch (error) {
    return messageOf(error);
  }
}

describe('the URL of an httpGet action', () => {
  const rows: [path: string, expect: string][] = [
    ['', 'http://10.0.0.1:80 /'],
    ['healthz', 'http://10.0.0.1:80/healthz /healthz'],
    ['/a b', 'http://10.0.0.1:80/a%20b /a%20b'],
    ['/a?x=y z', 'http://10.0.0.1:80/a?x=y z /a?x=y z'],
    ['/a?', 'http://10.0.0.1:80/a? /a?'],
    ['/東京', 'http://10.0.0.1:80/%E6%9D%B1%E4%BA%AC /%E6%9D%B1%E4%BA%AC'],
    ['/a%2fb', 'http://10.0.0.1:80/a%2fb /a%2fb'],
    ['/a%zz', 'http://10.0.0.1:80/a%25zz /a%25zz'],
    ['/a%zz?x', 'http://10.0.0.1:80/a%25zz%3Fx /a%25zz%3Fx'],
    ['/a\nb', 'http://10.0.0.1:80/a%0Ab /a%0Ab'],
    ['/a#frag', 'http://10.0.0.1:80/a#frag /a'],
    ['/[x]|"<>', 'http://10.0.0.1:80/%5Bx%5D%7C%22%3C%3E /%5Bx%5D%7C%22%3C%3E'],
    ['/a//b/../c', 'http://10.0.0.1:80/a//b/../c /a//b/../c'],
    ['*', 'http://10.0.0.1:80/* /*'],
    ['//evil/x', 'http://10.0.0.1:80/x /x'],
    ['//user:pw@evil/x', 'http://user:***@10.0.0.1:80/x /x'],
    ['http://other:99/x', 'http://10.0.0.1:80/x /x'],
    ['mailto:x', 'http:x x'],
    ['a:b', 'http:b b'],
    ['//[::1/x', 'http://10.0.0.1:80//%5B::1/x //%5B::1/x'],
  ];
  for (const [path, expect] of rows)
    it(JSON.stringify(path), () => {
      assert.equal(asked(path), expect);
    });

  const hosts: [host: string, expect: string][] = [
    ['::1', 'http://[::1]:80/ /'],
    ['fe80::1%eth0', 'http://[fe80::1%25eth0]:80/ /'],
    ['東京', 'http://%E6%9D%B1%E4%BA%AC:80/ /'],
    ['a b', 'parse "http://a%20b:80/": invalid URL escape "%20"'],
    ['a/b', 'parse "http://a%2Fb:80/": invalid URL escape "%2F"'],
    ['[::1]', 'parse "http://[[::1]]:80/": invalid IP-literal'],
    ['1:2', 'parse "http://[1:2]:80/": invalid host: ParseAddr("1:2"): address string too short'],
    ['user@h', 'parse "http://user%40h:80/": invalid URL escape "%40"'],
  ];
  for (const [host, expect] of hosts)
    it(`at ${host}`, () => {
      assert.equal(asked('/', host), expect);
    });
});

describe('a URL', () => {
  const refused: [url: string, why: string][] = [
    [':', 'missing protocol scheme'],
    ['x:y:z/', ''],
    ['1x:y', 'first path segment in URL cannot contain colon'],
    ['/a\x01', 'net/url: invalid control character in URL'],
    ['http://h:x/', 'invalid port ":x" after host'],
    ['http://h:1:2/', 'invalid port ":1:2" after host'],
    ['http://[::1', "missing ']' in host"],
    ['http://[::1]x/', 'invalid port "x" after host'],
    ['http://[1.2.3.4]/', 'invalid IP-literal'],
    ['http://[::1%25]/', 'invalid host: ParseAddr("::1%"): zone must be a non-empty string'],
    ['http://[1::2::3]/', 'invalid host: ParseAddr("1::2::3"): multiple :: in address (at ":3")'],
    ['http://[::ffff:1.2.3.256]/', 'invalid host: ParseAddr("::ffff:1.2.3.256"): IPv4 field has value >255'],
    ['http://us er@h/', 'net/url: invalid userinfo'],
    ['http://a|b/', 'invalid character "|" in host name'],
    ['/%', 'invalid URL escape "%"'],
    ['/%1', 'invalid URL escape "%1"'],
    ['/%1xyz', 'invalid URL escape "%1x"'],
  ];
  for (const [text, why] of refused)
    it(`${JSON.stringify(text)} is ${why === '' ? 'one' : 'refused'}`, () => {
      const parse = (): unknown => parseUrl(text);
      if (why === '') parse();
      else assert.throws(parse, { message: `parse ${JSON.stringify(text).replace('\\u00', '\\x')}: ${why}` });
    });

  const references: [reference: string, expect: string][] = [
    ['/x', 'http://h:8/x'],
    ['x', 'http://h:8/a/x'],
    ['../x', 'http://h:8/x'],
    ['../../../x', 'http://h:8/x'],
    ['./..', 'http://h:8/'],
    ['.', 'http://h:8/a/'],
    ['?y', 'http://h:8/a/b?y'],
    ['?', 'http://h:8/a/b?'],
    ['#g', 'http://h:8/a/b?q#g'],
    ['//o/p', 'http://o/p'],
    ['//u:p@o/p', 'http://u:p@o/p'],
    ['HTTPS://O/p', 'https://O/p'],
    ['mailto:x', 'mailto:x'],
    ['http:x', 'http:x'],
    ['http:/x', 'http:/x'],
    ['/a%2Fb/./c', 'http://h:8/a%2Fb/c'],
    ['/a%zz', 'parse "/a%zz": invalid URL escape "%zz"'],
    ['\xff', 'http://h:8/a/%FF'],
  ];
  for (const [reference, expect] of references)
    it(`leads to ${JSON.stringify(reference)}`, () => {
      let text: string;
      try {
        text = urlText(resolveUrl(parseUrl('http://h:8/a/b?q#f'), reference));
      } catch (error) {
        text = messageOf(error);
      }
      assert.equal(text, expect);
    });

  it('has a host and a port', () => {
    for (const [host, expect] of [
      ['h:80', { host: 'h', port: '80' }],
      ['h:', { host: 'h', port: '' }],
      ['[::1]:80', { host: '::1', port: '80' }],
      ['[fe80::1%eth0]', { host: 'fe80::1%eth0', port: '' }],
      ['h:x', { host: 'h:x', port: '' }],
    ] as const)
      assert.deepEqual(hostAndPort({ host }), expect);
  });

  it('is bytes, whatever text was given', () => {
    assert.equal(textOf(byteString('é\u{dcff}')), 'é\u{dcff}');
  });
});
