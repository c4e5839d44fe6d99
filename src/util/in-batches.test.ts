import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inBatches } from './in-batches.ts';

const items = Array.from({ length: 10 }, (_, index) => index);

describe('work in batches', () => {
  it('is done in order, so much of it at once', async () => {
    let [running, most] = [0, 0];
    const doubled = await inBatches(items, 4, async (item) => {
      running += 1;
      most = Math.max(most, running);
      await Promise.resolve();
      running -= 1;
      return item * 2;
    });
    assert.deepEqual(doubled, [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]);
    assert.equal(most, 4);
  });

  it('lets others have the loop in between', async () => {
    const seen: (number | string)[] = [];
    const other = setImmediate(() => seen.push('other'));
    await inBatches(items.slice(0, 4), 2, (item) => Promise.resolve(seen.push(item)));
    clearImmediate(other);
    assert.deepEqual(seen, ['other', 0, 1, 2, 3]);
  });

  it('takes no turn for what is one batch', async () => {
    let isOver = false;
    const next = setImmediate(() => {
      assert.ok(isOver);
    });
    await inBatches(items, 10, (item) => Promise.resolve(item));
    isOver = true;
    clearImmediate(next);
  });

  it('begins no other batch once one has failed', async () => {
    const begun: number[] = [];
    const work = (item: number): Promise<void> => {
      begun.push(item);
      return item === 1 ? Promise.reject(new Error('no')) : Promise.resolve();
    };
    await assert.rejects(inBatches(items, 2, work), /^Error: no$/);
    assert.deepEqual(begun, [0, 1]);
  });

  it('of nothing is nothing', async () => {
    assert.deepEqual(await inBatches([], 2, () => Promise.reject(new Error('none'))), []);
  });
});
