import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { lastWords, tailStart } from './log-tail.ts';

const { signal } = new AbortController();
const entry = (text: string, tag = 'F'): string => `2026-01-01T00:00:00Z stdout ${tag} ${text}\n`;

/** A file in memory that tells how much of it was read. */
function fileOf(text: string) {
  const bytes = Buffer.from(text);
  const file = {
    bytesRead: 0,
    read: (position: number, length: number): Promise<Buffer> => {
      const piece = bytes.subarray(position, position + length);
      file.bytesRead += piece.length;
      return Promise.resolve(piece);
    },
    look: () => Promise.resolve([]),
    readTail: (_path: string, { maxBytes }: { maxBytes: number }): Promise<Buffer> => {
      const piece = bytes.subarray(-maxBytes);
      file.bytesRead += piece.length;
      return Promise.resolve(piece);
    },
  };
  return file;
}

describe('where the last lines begin', () => {
  const big = `${'x'.repeat(99)}\n`.repeat(20_000);
  // what findTailLineStartIndex of cri-client answers
  const rows: [string, number, string][] = [
    ['a\nb\nc\n', 0, ''],
    ['a\nb\nc\n', 1, 'c\n'],
    ['a\nb\nc\n', 2, 'b\nc\n'],
    ['a\nb\nc\n', 3, 'a\nb\nc\n'],
    ['a\nb\nc\n', 4, 'a\nb\nc\n'],
    ['a\nb\nc', 0, 'c'],
    ['a\nb\nc', 1, 'b\nc'],
    ['\n\n\n', 2, '\n\n'],
    ['no end', 1, 'no end'],
    ['', 1, ''],
    [big, 15_000, big.slice(500_000)],
    [big, 1, big.slice(-100)],
    [`${'y'.repeat(300_000)}\n${'z'.repeat(300_000)}\n`, 1, `${'z'.repeat(300_000)}\n`],
  ];
  for (const [text, lines, expect] of rows)
    it(`${String(lines)} of ${JSON.stringify(text.slice(0, 12))} (${String(text.length)})`, async () => {
      const file = fileOf(text);
      const start = await tailStart(file, { lines, size: Buffer.byteLength(text) }, { signal });
      assert.equal(text.slice(start), expect);
      assert.ok(file.bytesRead <= text.length, 'nothing is read twice');
    });

  it('are those of what was there, however much has come since', async () => {
    assert.equal(await tailStart(fileOf('a\nb\nc\nd\n'), { lines: 1, size: 4 }, { signal }), 2);
  });

  it('are not looked for when nobody waits any more', async () => {
    const file = fileOf('x'.repeat(1_000_000));
    const gone = AbortSignal.abort(new Error('gone'));
    await assert.rejects(tailStart(file, { lines: 1, size: 1_000_000 }, { signal: gone }), /gone/);
    assert.equal(file.bytesRead, 0);
  });
});

describe('last words', () => {
  const lines = (from: number, to: number): string =>
    Array.from({ length: to - from }, (_, index) => entry(`line ${String(from + index)}`)).join('');
  const rows: { name: string; log: string; expect: string; atMost?: number }[] = [
    { name: 'nothing of nothing', log: '', expect: '' },
    { name: 'parts of a line are one', log: entry('a', 'P') + entry('b'), expect: 'ab\n' },
    { name: 'an empty line counts', log: entry('a') + entry(''), expect: 'a\n\n' },
    {
      name: 'the last eighty, where more are near',
      log: lines(0, 300),
      expect: Array.from({ length: 80 }, (_, index) => `line ${String(220 + index)}\n`).join(''),
      atMost: 20_480,
    },
    {
      name: 'of an unfinished last line only if eighty leave room for it',
      log: `${lines(0, 100)}2026-01-01T00:00:00Z stdout F cut`,
      expect: Array.from({ length: 80 }, (_, index) => `line ${String(20 + index)}\n`).join(''),
    },
    { name: 'an unfinished last line', log: '2026-01-01T00:00:00Z stdout F cut', expect: 'cut' },
    {
      name: 'an entry of a runtime that splits lines',
      log: entry('y'.repeat(16_384), 'P') + entry('end', 'P'),
      expect: `${'y'.repeat(2045)}end`,
      atMost: 20_480,
    },
    {
      name: 'an entry longer than the first look',
      log: entry('first') + entry(`${'x'.repeat(100_000)}END`),
      expect: `${'x'.repeat(2044)}END\n`,
    },
    {
      name: 'a part longer than the first look',
      log: entry('first') + entry(`${'x'.repeat(100_000)}END`, 'P'),
      expect: `${'x'.repeat(2045)}END`,
    },
    {
      name: 'short ones behind long ones',
      log: entry('x'.repeat(100_000)) + lines(0, 3),
      expect: `${'x'.repeat(2026)}\nline 0\nline 1\nline 2\n`,
    },
    {
      name: 'the end of an entry that begins farther back than anybody looks',
      log: entry(`${'x'.repeat(5_000_000)}END`),
      expect: `${'x'.repeat(2044)}END\n`,
      atMost: 5_000_000,
    },
  ];
  for (const { name, log, expect, atMost = Infinity } of rows)
    it(name, async () => {
      const file = fileOf(log);
      assert.equal((await lastWords('/log', { files: file, signal })).toString(), expect);
      assert.ok(file.bytesRead <= atMost, `${String(file.bytesRead)} bytes read`);
    });
});
