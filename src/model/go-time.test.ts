import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { damaged, fuzz } from '../testing/fuzz.ts';
import { fixedGoTime, isBefore, moved, parseGoTime } from './go-time.ts';

describe('times as Go reads and prints them', () => {
  // what time.Parse(time.RFC3339Nano) and Format with nine fixed decimals of go1.26 made of each
  const rows: [string, string | undefined, [number, number]?][] = [
    ['2026-01-02T03:04:05.123456789Z', '2026-01-02T03:04:05.123456789Z', [1_767_323_045, 123_456_789]],
    ['2026-01-02T03:04:05Z', '2026-01-02T03:04:05.000000000Z'],
    ['2026-01-02T03:04:05.5Z', '2026-01-02T03:04:05.500000000Z'],
    ['2026-01-02T03:04:05,5Z', '2026-01-02T03:04:05.500000000Z'],
    ['2026-01-02T3:04:05Z', '2026-01-02T03:04:05.000000000Z'],
    ['2026-01-02T03:04:05.1234567891234Z', '2026-01-02T03:04:05.123456789Z'],
    ['2026-01-02T03:04:05+00:00', '2026-01-02T03:04:05.000000000Z'],
    ['2026-01-02T03:04:05-00:00', '2026-01-02T03:04:05.000000000Z'],
    ['2026-01-02T03:04:05+05:30', '2026-01-02T03:04:05.000000000+05:30', [1_767_303_245, 0]],
    ['2026-01-02T03:04:05.25-07:00', '2026-01-02T03:04:05.250000000-07:00'],
    ['2026-01-02T03:04:05-00:60', '2026-01-02T03:04:05.000000000-01:00'],
    ['1969-12-31T23:59:59.5Z', '1969-12-31T23:59:59.500000000Z', [-1, 500_000_000]],
    ['0000-01-01T00:00:00Z', '0000-01-01T00:00:00.000000000Z', [-62_167_219_200, 0]],
    ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00.000000000Z'],
    ['2026-02-29T00:00:00Z', undefined],
    ['2026-04-31T00:00:00Z', undefined],
    ['2026-13-01T00:00:00Z', undefined],
    ['2026-01-02T24:00:00Z', undefined],
    ['2026-01-02T03:04:60Z', undefined],
    ['2026-01-02T03:04:05.Z', undefined],
    ['2026-01-02T03:04:05', undefined],
    ['2026-01-02T03:04:05+0100', undefined],
    ['2026-01-02T03:04:05+25:00', undefined],
    ['2026-01-02T03:04:05Z ', undefined],
    ['2026-01-02 03:04:05Z', undefined],
    ['', undefined],
  ];
  for (const [text, printed, at] of rows)
    it(text || 'nothing', () => {
      const time = parseGoTime(Buffer.from(text));
      assert.equal(time && fixedGoTime(time), printed);
      if (at !== undefined) assert.deepEqual([time?.seconds, time?.nanos], at);
    });

  it('is found between other bytes', () => {
    const bytes = Buffer.from('x2026-01-02T03:04:05Zx');
    assert.equal(parseGoTime(bytes, 1, bytes.length - 1)?.seconds, 1_767_323_045);
    assert.equal(parseGoTime(bytes, 1), undefined);
  });

  it('orders and moves moments to the nanosecond', () => {
    const at = { seconds: 10, nanos: 999_999_999 };
    assert.equal(isBefore(at, { seconds: 11, nanos: 0 }), true);
    assert.equal(isBefore({ seconds: 10, nanos: 999_999_998 }, at), true);
    assert.equal(isBefore(at, at), false);
    assert.deepEqual(moved(at, 1), { seconds: 11, nanos: 999_999 });
    assert.deepEqual(moved(at, -1500), { seconds: 9, nanos: 499_999_999 });
  });

  fuzz('times of logs', damaged(Buffer.from('2026-01-02T03:04:05.123456789+05:30')), (bytes) => {
    const time = parseGoTime(bytes);
    if (time !== undefined) assert.deepEqual(parseGoTime(Buffer.from(fixedGoTime(time))), time);
  });
  fuzz(
    'times that Node prints',
    fc.date({ min: new Date(0), max: new Date('9999-12-31'), noInvalidDate: true }),
    (date) => {
      const time = parseGoTime(Buffer.from(date.toISOString()));
      assert.equal((time?.seconds ?? NaN) * 1000 + (time?.nanos ?? NaN) / 1e6, date.getTime());
    },
  );
});
