import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inBatches } from './in-batches.ts';

const items = Array.from({ length: 10 }, (_, index) => index);
const { signal } = new AbortController();

describe('work in batches', () => {
  it('is done in order, so much of it at once', async () => {
    let [running, most] = [0, 0];
    const doubled = await inBatches(items, { size: 4, signal }, async (item) => {
      running += 1;
      most = Math.max(most, running);
      await Promise.resolve();
      running -= 1;
      return item * 2;
    });
    assert.deepEqual(doubled, [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]);
    assert.equal(most, 4);
  });

  it('waits before each batch, but not for a single one', async () => {
    const seen: (number | string)[] = [];
    const before = async (): Promise<void> => {
      await Promise.resolve();
      seen.push('turn');
    };
    const work = (item: number): Promise<number> => Promise.resolve(seen.push(item));
    await inBatches(items.slice(0, 4), { size: 2, signal, before }, work);
    assert.deepEqual(seen.splice(0), ['turn', 0, 1, 'turn', 2, 3]);
    await inBatches(items.slice(0, 2), { size: 2, signal, before }, work);
    assert.deepEqual(seen, [0, 1]);
  });

  it('begins no other batch once one has failed', async () => {
    const begun: number[] = [];
    const work = (item: number): Promise<void> => {
      begun.push(item);
      return item === 1 ? Promise.reject(new Error('no')) : Promise.resolve();
    };
    await assert.rejects(inBatches(items, { size: 2, signal }, work), /^Error: no$/);
    assert.deepEqual(begun, [0, 1]);
  });

  it('begins no other batch once it was aborted', async () => {
    const begun: number[] = [];
    const stop = new AbortController();
    const work = (item: number): Promise<void> => {
      begun.push(item);
      if (item === 3) stop.abort(new Error('stopped'));
      return Promise.resolve();
    };
    await assert.rejects(inBatches(items, { size: 2, signal: stop.signal }, work), /^Error: stopped$/);
    assert.deepEqual(begun, [0, 1, 2, 3]);
  });

  it('of nothing is nothing', async () => {
    const none = (): Promise<never> => Promise.reject(new Error('none'));
    assert.deepEqual(await inBatches([], { size: 2, signal }, none), []);
  });
});
