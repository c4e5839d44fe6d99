import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { jsonLines } from './json-lines.ts';

async function* chunks(count: number, bytes: Buffer): AsyncGenerator<Buffer, void, void> {
  for (let index = 0; index < count; index += 1) {
    if (index % 1_000 === 0) await Promise.resolve();
    yield bytes;
  }
}

describe('lines of a watch', () => {
  it('that have no end are given up', async () => {
    await assert.rejects(async () => {
      for await (const line of jsonLines(chunks(1_000, Buffer.alloc(1024, 'x')), 100_000))
        assert.fail(String(line));
    }, /longer than 100000 bytes/);
  });

  it('are given up at their length, even where their end is in the same chunk', async () => {
    await assert.rejects(async () => {
      const long = Buffer.from(`"${'x'.repeat(200)}"\n`);
      for await (const line of jsonLines(chunks(1, long), 100)) assert.fail(String(line));
    }, /longer than 100 bytes/);
  });

  it('that come byte by byte are not copied over and over', async () => {
    const concat = Buffer.concat.bind(Buffer);
    let copied = 0;
    Buffer.concat = (list, total) => {
      const joined = concat(list, total);
      copied += joined.length;
      return joined;
    };
    const length = 100_000;
    try {
      await assert.rejects(async () => {
        for await (const line of jsonLines(chunks(length + 1, Buffer.from('x')), length))
          assert.fail(String(line));
      });
    } finally {
      Buffer.concat = concat;
    }
    assert.ok(copied < length * 20, `${copied} bytes for ${length}`);
  });
});
