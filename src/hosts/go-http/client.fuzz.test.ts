import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import fc from 'fast-check';
import { FarletError } from '../../model/errors.ts';
import { damaged, fuzz, hostileBytes } from '../../testing/fuzz.ts';
import { byteString, textOf } from './byte-string.ts';
import { get, GetError } from './client.ts';
import { http2Head } from './http2-words.ts';
import { nextHop } from './redirect.ts';
import { requestHead } from './request-head.ts';
import { requestOf } from './request.ts';
import { ResponseHeadReader } from './response-head-reader.ts';
import { TlsRecords } from './tls-records.ts';
import { parseUrl } from './url.ts';
import { requestUri, resolveUrl, urlText } from './url-text.ts';

const { signal } = new AbortController();
const target = requestOf({ path: '/p' }, { address: '10.0.0.1', port: 80, purpose: 'probe' });
const good = Buffer.from(
  'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 302 Found\r\nLocation: /x\r\nX-A: b\r\n  c\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n',
);

/** Passes over what the contract allows: FarletErrors. */
function known(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof FarletError)) throw error;
  }
}

/** A connection on which these pieces come and that then ends. */
function saying(pieces: readonly Buffer[]): Duplex {
  const rest = [...pieces];
  return new Duplex({
    read(): void {
      const piece = rest.shift();
      setImmediate(() => this.push(piece ?? null));
    },
    write: (_chunk, _encoding, done) => {
      done();
    },
  });
}

function inPieces(bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size),
  );
}

const answer = fc.oneof(
  hostileBytes(),
  damaged(good),
  hostileBytes(512).map((end) => Buffer.concat([good, end])),
);
const text = hostileBytes(512).map((bytes) => bytes.toString('utf8'));

fuzz(
  'an answer to an httpGet',
  fc.record({ answer, size: fc.integer({ min: 1, max: 4096 }) }),
  async ({ answer: bytes, size }) => {
    const told = await get(
      target,
      {
        dial: () => Promise.resolve(saying(inPieces(bytes, size))),
        closes: true,
        asksForGzip: false,
        speaksHttp2: true,
        handshakeMs: undefined,
        lateWords: () => 'late',
      },
      {
        signal,
        use: async (head) => {
          assert.ok(head.status >= 0 && head.status <= 999);
          return (await head.body(10_240).catch((error: unknown) => error)) as Buffer | Error;
        },
      },
    ).catch((error: unknown) => error);
    if (Buffer.isBuffer(told)) assert.ok(told.length <= 10_240);
    else assert.ok(told instanceof GetError || told instanceof FarletError);
  },
  { isAsync: true },
);

fuzz(
  'a head, however it is cut',
  fc.record({ answer, size: fc.integer({ min: 1, max: 64 }) }),
  ({ answer: bytes, size }) => {
    const read = (pieces: Buffer[]): string => {
      const reader = new ResponseHeadReader();
      try {
        let before = 0;
        for (const piece of pieces) {
          const done = reader.feed(piece);
          if (done !== undefined)
            return JSON.stringify([before + done.taken, done.head.status, [...done.head.header]]);
          before += piece.length;
        }
        return reader.end();
      } catch (error) {
        assert.ok(error instanceof FarletError);
        return error.message;
      }
    };
    assert.equal(read(inPieces(bytes, size)), read([bytes]));
  },
);

fuzz(
  'a header of many lines',
  fc.constantFrom('a:\n', ':', 'a', '\n', ' \n', 'a: b\r\n c\r\n', 'a:\t', '\r'),
  (line) => {
    const reader = new ResponseHeadReader();
    known(() => {
      reader.feed(Buffer.from('HTTP/1.1 200 OK\r\nX: y\r\n'));
      reader.feed(Buffer.from(line.repeat(Math.ceil(65_536 / line.length))));
      reader.end();
    });
  },
);

fuzz('a URL', text, (url) => {
  known(() => {
    const parsed = parseUrl(byteString(url));
    const again = urlText(parsed);
    // what Go writes it can read, and writes the same
    if (parsed.host === '' || !/[%[\]]/.test(parsed.host)) assert.equal(urlText(parseUrl(again)), again);
    requestUri(parsed);
  });
});

fuzz('a location', hostileBytes(512), (bytes) => {
  known(() => {
    const location = bytes.toString('latin1');
    const url = resolveUrl(parseUrl('http://h:80/a/b?c#d'), location);
    assert.notEqual(url.scheme, '');
    const hop = nextHop([{ request: target, dropsBody: false }], { location, status: 307 });
    if (hop !== undefined)
      assert.equal(
        textOf(requestHead(hop.request, { closes: true, asksForGzip: true }).toString('latin1'))
          .split('\r\n')[0]
          ?.split(' ')[0],
        'GET',
      );
  });
});

fuzz(
  'an httpGet action',
  fc.record({ host: text, path: text, name: text, value: text }),
  ({ host, path, name, value }) => {
    known(() => {
      const httpHeaders = [{ name, value }];
      const request = requestOf(
        { host, path, httpHeaders },
        { address: '10.0.0.1', port: 80, purpose: 'probe' },
      );
      // nothing of it makes a line of its own: values are checked before they are written
      if (/^[\w-]+$/.test(name) && !/[\r\n]/.test(value)) {
        const lines = requestHead(request, { closes: true, asksForGzip: false })
          .toString('latin1')
          .split('\r\n');
        assert.ok(lines.length <= 8);
      }
      known(() => http2Head(request));
    });
  },
);

fuzz('records of TLS', fc.array(hostileBytes(64), { maxLength: 20 }), (pieces) => {
  const records = new TlsRecords();
  for (const piece of pieces) records.see(piece);
  assert.ok(records.first.length <= 11);
});
