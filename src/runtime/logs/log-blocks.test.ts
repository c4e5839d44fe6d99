import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock } from '../../testing/fixtures.ts';
import { LogBlocks } from './log-blocks.ts';

const KIB = 1024;
const { signal } = new AbortController();

/** A file of zeros on a host so many ms away; requests that are made together travel together. */
function setUp({ size, roundTripMs }: { size: number; roundTripMs: number }) {
  const clock = new FakeClock(0);
  const asked: number[] = [];
  let [pending, most] = [0, 0];
  const file = {
    read: async (position: number, length: number): Promise<Buffer> => {
      asked.push(length);
      pending += length;
      most = Math.max(most, pending);
      if (roundTripMs > 0) await clock.sleep(roundTripMs);
      pending -= length;
      return Buffer.alloc(Math.max(0, Math.min(length, size - position)));
    },
  };
  const blocks = new LogBlocks(file, clock);
  return { clock, asked, blocks, most: () => most };
}

describe('blocks of a log', () => {
  it('are small where the host is near', async () => {
    const { blocks, asked } = setUp({ size: 1000 * KIB, roundTripMs: 0 });
    let total = 0;
    for await (const piece of blocks.read(0, Infinity, { signal })) total += piece.length;
    assert.deepEqual([total, new Set(asked.slice(0, 16))], [1000 * KIB, new Set([64 * KIB])]);
  });

  it('grow with the distance, and never more than so many bytes are on their way', async () => {
    const { clock, blocks, asked, most } = setUp({ size: 8192 * KIB, roundTripMs: 200 });
    let total = 0;
    const reading = (async () => {
      for await (const piece of blocks.read(0, Infinity, { signal })) {
        assert.ok(piece.length <= 64 * KIB);
        total += piece.length;
      }
    })();
    await clock.advance(1_000);
    const first = total;
    while (clock.timers > 0) await clock.advance(200);
    await reading;
    assert.equal(total, 8192 * KIB);
    assert.ok(first > 600 * KIB, `${String(first / KIB)} KiB in the first second`);
    assert.ok(clock.now() < 3_000, `${String(clock.now())} ms for 8 MiB`);
    assert.ok(Math.max(...asked) <= 512 * KIB && most() <= 1536 * KIB);
  });

  it('are small again for who takes them slowly', async () => {
    const { clock, blocks, asked } = setUp({ size: 8192 * KIB, roundTripMs: 200 });
    const reading = blocks.read(0, Infinity, { signal });
    for (let taken = 0; taken < 60; taken += 1) {
      const next = reading.next();
      await clock.advance(2_000);
      assert.equal((await next).done, false);
    }
    await reading.return(undefined);
    assert.equal(asked.at(-1), 64 * KIB);
  });

  it('end where they are told to, and when nobody wants them any more', async () => {
    const { blocks } = setUp({ size: 1000 * KIB, roundTripMs: 0 });
    let total = 0;
    for await (const piece of blocks.read(10, 100, { signal })) total += piece.length;
    assert.equal(total, 90);
    const control = new AbortController();
    await assert.rejects(async () => {
      for await (const _ of blocks.read(0, Infinity, { signal: control.signal }))
        control.abort(new Error('gone'));
    }, /gone/);
  });
});
