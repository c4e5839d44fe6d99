import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LogReader, type LogOptions } from './log-reader.ts';

const all: LogOptions = {
  follow: false,
  tailLines: undefined,
  limitBytes: undefined,
  since: undefined,
  timestamps: false,
};
/** The second of the time tells which entry it is. */
const entry = (second: number, text: string, { stream = 'stdout', tag = 'F' } = {}): string =>
  `2026-01-01T00:00:0${String(second)}.5Z ${stream} ${tag} ${text}\n`;
const part = { tag: 'P' };
const stderr = { stream: 'stderr' };
const stamp = (second: number): string => `2026-01-01T00:00:0${String(second)}.500000000Z `;
const since = (second: number): LogOptions['since'] => ({ seconds: 1_767_225_600 + second, nanos: 0 });
const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

/** What is sent of a file that is read in blocks of so many bytes. */
function sent(file: Buffer, options: Partial<LogOptions>, block = file.length || 1): string {
  const reader = new LogReader({ ...all, ...options });
  const out: Buffer[] = [];
  for (let at = 0; at < file.length; at += block) out.push(reader.take(file.subarray(at, at + block)));
  out.push(reader.end());
  const fault = reader.fault === undefined ? '' : `!${reader.fault.message}`;
  return Buffer.concat(out).toString('latin1') + fault;
}

describe('what is sent of a log', () => {
  const long = 'x'.repeat(300_000);
  const rows: { name: string; file: string; options?: Partial<LogOptions>; expect: string }[] = [
    { name: 'nothing of nothing', file: '', expect: '' },
    { name: 'text without its frame', file: entry(1, 'a') + entry(2, 'b', stderr), expect: 'a\nb\n' },
    {
      name: 'bytes as they are',
      file: entry(1, 'caf\xe9') + entry(2, '\xff\xfe\x00\x01x') + entry(3, '\xf0\x9f\x98A\xe2\x82B\r'),
      expect: 'caf\xe9\n\xff\xfe\x00\x01x\n\xf0\x9f\x98A\xe2\x82B\r\n',
    },
    { name: 'spaces and empty lines', file: entry(1, '  a ') + entry(2, ''), expect: '  a \n\n' },
    {
      name: 'parts joined',
      file: entry(1, 'a', part) + entry(2, 'b', part) + entry(3, 'c'),
      expect: 'abc\n',
    },
    { name: 'a part that is the last', file: entry(1, 'a', part), expect: 'a' },
    {
      name: 'tags beside partial',
      file: entry(1, 'a', { tag: 'P:x' }) + entry(1, 'b', { tag: 'FP:P' }),
      expect: 'ab\n',
    },
    {
      name: 'a stamp for each line, not for its parts',
      file: entry(1, 'a', part) + entry(2, 'b') + entry(3, 'c'),
      options: { timestamps: true },
      expect: `${stamp(1)}ab\n${stamp(3)}c\n`,
    },
    {
      name: 'a line that goes on in the other stream without a stamp',
      file: entry(1, 'a', part) + entry(2, 'b', stderr) + entry(3, 'c'),
      options: { timestamps: true },
      expect: `${stamp(1)}ab\n${stamp(3)}c\n`,
    },
    {
      name: 'an empty part does not go on',
      file: entry(1, '', part) + entry(2, 'b'),
      options: { timestamps: true },
      expect: `${stamp(1)}${stamp(2)}b\n`,
    },
    {
      name: 'from a time on',
      file: entry(1, 'a') + entry(2, 'b'),
      options: { since: since(2) },
      expect: 'b\n',
    },
    {
      name: 'from a time on to the nanosecond',
      file: entry(1, 'a') + entry(2, 'b'),
      options: { since: { seconds: 1_767_225_601, nanos: 500_000_001 } },
      expect: 'b\n',
    },
    {
      name: 'the rest of a line that began before',
      file: entry(1, 'a', part) + entry(3, 'b') + entry(4, 'c'),
      options: { since: since(2), timestamps: true },
      expect: `b\n${stamp(4)}c\n`,
    },
    {
      name: 'so many bytes',
      file: entry(1, 'abc') + entry(2, 'def'),
      options: { limitBytes: 5 },
      expect: 'abc\nd',
    },
    {
      name: 'so many bytes with stamps',
      file: entry(1, 'abc'),
      options: { limitBytes: 33, timestamps: true },
      expect: `${stamp(1)}ab`,
    },
    {
      name: 'so many entries, be they left out for their time',
      file: entry(1, 'a') + entry(2, 'b') + entry(3, 'c'),
      options: { tailLines: 2, since: since(2) },
      expect: 'b\n',
    },
    {
      name: 'parts count as entries, and what is none does not',
      file: entry(1, 'a', part) + 'no entry\n' + entry(2, 'b', part) + entry(3, 'c'),
      options: { tailLines: 2 },
      expect: 'ab',
    },
    {
      name: 'no limit of entries for followers',
      file: entry(1, 'a') + entry(2, 'b'),
      options: { tailLines: 1, follow: true },
      expect: 'a\nb\n',
    },
    {
      name: 'a last line without its end',
      file: `${entry(1, 'a')}2026-01-01T00:00:02Z stdout F b`,
      expect: 'a\nb',
    },
    {
      name: 'nothing of a last line cut in its frame',
      file: `${entry(1, 'a')}2026-01-01T00:00:02Z std`,
      expect: 'a\n',
    },
    {
      name: 'nothing of what is no entry',
      file:
        entry(1, 'a') +
        ['', 'x', '\0\0\0', '2026-02-30T00:00:00Z stdout F x', '2026-01-01T00:00:00Z stdlog F x'].join('\n') +
        '\n2026-01-01T00:00:00Z stdout F\n 2026-01-01T00:00:00Z stdout F x\n' +
        entry(2, 'b'),
      expect: 'a\nb\n',
    },
    {
      name: 'an entry longer than any that is kept',
      file: entry(1, long) + entry(2, 'b'),
      options: { timestamps: true },
      expect: `${stamp(1)}${long}\n${stamp(2)}b\n`,
    },
    {
      name: 'a part as long',
      file: entry(1, long, part) + entry(2, long) + entry(3, 'c'),
      options: { timestamps: true, tailLines: 2 },
      expect: `${stamp(1)}${long}${long}\n`,
    },
    {
      name: 'nothing of a long entry from before',
      file: entry(1, long) + entry(2, 'b'),
      options: { since: since(2) },
      expect: 'b\n',
    },
    {
      name: 'nothing of a long line that is no entry',
      file: `${entry(1, 'a')}${long}\n${entry(2, 'b')}`,
      options: { tailLines: 2 },
      expect: 'a\nb\n',
    },
    { name: 'a long last line without its end', file: entry(1, long).slice(0, -1), expect: long },
    {
      name: "Docker's JSON",
      file: '{"log":"a\\n","stream":"stdout","time":"2026-01-01T00:00:01.5Z"}\n{}x\n{"log":"b","stream":"stderr","time":"2026-01-01T00:00:02.5Z"}\n',
      options: { timestamps: true },
      expect: `${stamp(1)}a\n${stamp(2)}b`,
    },
    {
      name: 'only one form in a log',
      file: entry(1, 'a') + '{"log":"a\\n","stream":"stdout"}\n',
      expect: 'a\n',
    },
    {
      name: 'why it is no log',
      file: 'caf\xe9\t"x"\n' + entry(1, 'a'),
      expect: '!failed to get parse function: unsupported log format: "caf\\xe9\\t\\"x\\"\\n"',
    },
    {
      name: 'what came before a stream that nobody knows',
      file: '{"log":"a\\n","stream":"stdout"}\n{"log":"b"}\n',
      expect: 'a\n!unexpected stream type ""',
    },
  ];
  for (const { name, file, options = {}, expect } of rows)
    it(name, () => {
      assert.equal(sent(bytes(file), options), expect);
      for (const block of [1000, 65_536]) assert.equal(sent(bytes(file), options, block), expect);
      if (file.length < 1000) assert.equal(sent(bytes(file), options, 1), expect);
    });

  it('tells of a gap where the line is that it tears', () => {
    const reader = new LogReader({ ...all, follow: true });
    const out = [
      reader.take(bytes(entry(1, 'a', part))),
      reader.take(bytes('2026-01-01T00:00:02Z stdout F b')),
      reader.gap('lines are missing'),
      reader.take(bytes(entry(3, 'c'))),
    ];
    assert.deepEqual(out.map(String), ['a', '', 'b\nlines are missing\n', 'c\n']);
  });
});
