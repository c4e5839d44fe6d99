import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock } from '../../testing/fixtures.ts';
import { ByteBudget } from '../../util/byte-budget.ts';
import { LogBlocks } from './log-blocks.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const { signal } = new AbortController();

/** A file of zeros on a host so many ms away, whose link sends so much in a ms. */
function setUp({
  size,
  roundTripMs,
  bytesInMs = Infinity,
  budget = 32 * MIB,
}: {
  size: number;
  roundTripMs: number;
  bytesInMs?: number;
  budget?: number;
}) {
  const clock = new FakeClock(0);
  const asked: number[] = [];
  let [pending, most, sentAt] = [0, 0, 0];
  const file = {
    read: async (position: number, length: number): Promise<Buffer> => {
      asked.push(length);
      pending += length;
      most = Math.max(most, pending);
      sentAt = Math.max(sentAt, clock.now() + roundTripMs) + length / bytesInMs;
      if (sentAt > clock.now()) await clock.sleep(sentAt - clock.now());
      pending -= length;
      return Buffer.alloc(Math.max(0, Math.min(length, size - position)));
    },
  };
  const all = new ByteBudget(budget);
  const blocks = new LogBlocks(file, clock, all);
  return { clock, asked, blocks, most: () => most, isGivenBack: () => all.take(budget) };
}

/** Reads it all; answers with how much had come by each whole second. */
async function readAll({ clock, blocks }: Pick<ReturnType<typeof setUp>, 'clock' | 'blocks'>) {
  let [total, over] = [0, false];
  const reading = (async () => {
    for await (const piece of blocks.read(0, Infinity, { signal })) {
      assert.ok(piece.length <= 64 * KIB);
      total += piece.length;
    }
    over = true;
  })();
  const bySecond: number[] = [];
  const isOver = (): boolean => over;
  while (!isOver()) {
    for (let ms = 0; ms < 1_000 && !isOver(); ms += 2) await clock.advance(2);
    bySecond.push(total);
  }
  await reading;
  return bySecond;
}

/** The next piece, once it is there and no later. */
async function take(
  reading: AsyncGenerator<Buffer>,
  { clock }: Pick<ReturnType<typeof setUp>, 'clock'>,
): Promise<void> {
  let came = 0;
  const isHere = (): boolean => came > 0;
  const next = reading.next().finally(() => (came += 1));
  await clock.advance(0);
  while (!isHere()) await clock.advance(10);
  assert.equal((await next).done, false);
}

describe('blocks of a log', () => {
  it('are small where the host is near', async () => {
    const { blocks, asked } = setUp({ size: 1000 * KIB, roundTripMs: 0 });
    let total = 0;
    for await (const piece of blocks.read(0, Infinity, { signal })) total += piece.length;
    assert.deepEqual([total, new Set(asked.slice(0, 16))], [1000 * KIB, new Set([64 * KIB])]);
  });

  it('grow with the distance, and never more than so many bytes are on their way', async () => {
    const far = setUp({ size: 160 * MIB, roundTripMs: 50 });
    const [first = 0] = await readAll(far);
    assert.ok(first > 80 * MIB, `${String(first / MIB)} MiB in the first second`);
    assert.ok(Math.max(...far.asked) <= 2 * MIB && far.most() <= 10 * MIB);
    assert.ok(far.isGivenBack());
  });

  it('leave a slow link to others: no more is on its way than it sends in a few seconds', async () => {
    const slow = setUp({ size: 10 * MIB, roundTripMs: 20, bytesInMs: KIB });
    const bySecond = await readAll(slow);
    assert.ok(slow.most() <= 3 * MIB, `${String(slow.most() / MIB)} MiB`);
    assert.ok(bySecond.length <= 11, `${String(bySecond.length)} s for 10 s worth of bytes`);
  });

  it('are asked for ahead within what all readers may', async () => {
    const full = setUp({ size: 4 * MIB, roundTripMs: 50, budget: 100 * KIB });
    await readAll(full);
    assert.ok(full.most() <= 2 * MIB + 100 * KIB);
    assert.ok(full.isGivenBack());
  });

  it('are small again for who takes them slowly, and nothing is kept ready', async () => {
    const far = setUp({ size: 64 * MIB, roundTripMs: 200 });
    const reading = far.blocks.read(0, Infinity, { signal });
    for (let taken = 0; taken < 100; taken += 1) await take(reading, far);
    assert.ok(Math.max(...far.asked) > 64 * KIB);
    assert.equal(far.isGivenBack(), false);
    for (let taken = 0; taken < 60; taken += 1) {
      await take(reading, far);
      await far.clock.advance(2_000);
    }
    assert.ok(far.isGivenBack());
    await reading.return(undefined);
    assert.equal(far.asked.at(-1), 64 * KIB);
  });

  it('that were asked for ahead are given up with the reader', async () => {
    const far = setUp({ size: 64 * MIB, roundTripMs: 50 });
    const reading = far.blocks.read(0, Infinity, { signal });
    for (let taken = 0; taken < 100; taken += 1) await take(reading, far);
    assert.equal(far.isGivenBack(), false);
    await reading.return(undefined);
    assert.ok(far.isGivenBack());
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
