import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { encodeFrame, FrameReader } from './websocket-frames.ts';

/** A server's frame: not masked. */
function served(first: number, data: Buffer): Buffer {
  const length =
    data.length < 126 ? Buffer.from([data.length]) : Buffer.from([126, data.length >> 8, data.length & 0xff]);
  return Buffer.concat([Buffer.from([first]), length, data]);
}

describe('frames to a server', () => {
  it('are as in the examples of RFC 6455, 5.7', () => {
    const mask = Buffer.from('37fa213d', 'hex');
    const frame = encodeFrame({ kind: 'text', data: Buffer.from('Hello') }, mask);
    assert.equal(frame.toString('hex'), '818537fa213d7f9f4d5158');
  });

  for (const [length, head] of [
    [125, '82fd'],
    [126, '82fe007e'],
    [65_535, '82feffff'],
    [65_536, '82ff0000000000010000'],
  ] as const)
    it(`tell a length of ${String(length)}`, () => {
      const frame = encodeFrame({ kind: 'binary', data: Buffer.alloc(length) }, Buffer.alloc(4));
      assert.ok(frame.toString('hex', 0, 12).startsWith(head));
      assert.equal(frame.length, head.length / 2 + 4 + length);
    });
});

describe('frames of a client, read by a server', () => {
  it('are as in the examples of RFC 6455, 5.7', () => {
    const reader = new FrameReader({ from: 'client' });
    const bytes = Buffer.from('818537fa213d7f9f4d5158', 'hex');
    assert.deepEqual(reader.take(bytes.subarray(0, 5)), []);
    assert.deepEqual(
      reader.take(bytes.subarray(5)).map(({ kind, data }) => `${kind} ${data.toString()}`),
      ['text Hello'],
    );
    assert.throws(() => reader.take(served(0x82, Buffer.from('x'))), /not as a client sends them/);
  });

  it('are answered without a mask', () => {
    const frame = encodeFrame({ kind: 'text', data: Buffer.from('Hello') }, undefined);
    assert.equal(frame.toString('hex'), '810548656c6c6f');
  });
});

describe('frames from a server', () => {
  it('are read however they are cut', () => {
    const one = Buffer.from('one');
    const long = Buffer.alloc(300, 'l');
    const bytes = Buffer.concat([
      served(0x82, one),
      served(0x02, Buffer.from('par')),
      // control frames may come in between
      served(0x89, Buffer.from('ping')),
      served(0x80, Buffer.from('ts')),
      served(0x82, long),
      served(0x88, Buffer.alloc(0)),
    ]);
    const expect = ['binary one', 'ping ping', 'binary parts', `binary ${long.toString()}`, 'close '];
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (sizes) => {
        const reader = new FrameReader();
        const got: string[] = [];
        for (let at = 0, n = 0; at < bytes.length; n += 1) {
          const size = sizes[n % sizes.length] ?? 1;
          for (const { kind, data } of reader.take(bytes.subarray(at, at + size)))
            got.push(`${kind} ${data.toString()}`);
          at += size;
        }
        assert.deepEqual(got, expect);
      }),
      { numRuns: 50 },
    );
  });

  const bad: [name: string, bytes: Buffer][] = [
    ['is masked', encodeFrame({ kind: 'text', data: Buffer.from('x') }, Buffer.alloc(4))],
    ['is compressed', served(0xc2, Buffer.from('x'))],
    ['continues nothing', served(0x80, Buffer.from('x'))],
    [
      'begins within another',
      Buffer.concat([served(0x02, Buffer.from('x')), served(0x82, Buffer.from('y'))]),
    ],
    ['is of no known kind', served(0x83, Buffer.from('x'))],
    ['has no end', Buffer.from('827f0000ffff00000000', 'hex')],
  ];
  for (const [name, bytes] of bad)
    it(`are refused when one ${name}`, () => {
      assert.throws(() => new FrameReader().take(bytes));
    });
});

describe('what would cost more than its part', () => {
  const parts = (first: number, rest: number, count: number, data: Buffer): Buffer =>
    Buffer.concat([served(first, data), ...Array.from({ length: count }, () => served(rest, data))]);

  it('parts of nothing, without end, are nothing', () => {
    const reader = new FrameReader();
    reader.take(served(0x02, Buffer.alloc(0)));
    const before = process.memoryUsage().rss;
    const empty = parts(0x00, 0x00, 50_000, Buffer.alloc(0));
    for (let turns = 0; turns < 20; turns += 1) assert.deepEqual(reader.take(empty), []);
    assert.ok(process.memoryUsage().rss - before < 100 * 1024 * 1024);
    assert.deepEqual(reader.take(served(0x80, Buffer.from('x'))), [
      { kind: 'binary', data: Buffer.from('x') },
    ]);
  });

  it('a message is as large as it may be, whatever the parts', () => {
    const reader = new FrameReader();
    const kib = Buffer.alloc(1024);
    assert.equal(reader.take(parts(0x02, 0x00, 1023, kib)).length, 0);
    assert.throws(() => reader.take(served(0x00, Buffer.from('x'))), /a message of 1 bytes/);
    assert.throws(() => new FrameReader().take(Buffer.from('827f0000000100000000', 'hex')), /a message of/);
  });

  it('control frames that are long or in parts', () => {
    assert.throws(() => new FrameReader().take(served(0x89, Buffer.alloc(126))), /control frame/);
    assert.throws(() => new FrameReader().take(served(0x09, Buffer.alloc(1))), /control frame/);
  });

  it('a large message byte by byte', () => {
    const reader = new FrameReader({ from: 'client' });
    const frame = encodeFrame({ kind: 'binary', data: Buffer.alloc(200_000, 7) }, Buffer.from('mask'));
    let messages = 0;
    const before = process.cpuUsage().user;
    for (let at = 0; at < frame.length; at += 16) messages += reader.take(frame.subarray(at, at + 16)).length;
    assert.equal(messages, 1);
    assert.ok(process.cpuUsage().user - before < 2_000_000, 'not copied with every chunk');
  });
});
