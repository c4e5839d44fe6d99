import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inNext, inOne } from './in-one.ts';

function stage() {
  const runs: { resolve: (value: string) => void; reject: (error: Error) => void }[] = [];
  return {
    runs,
    work: () =>
      new Promise<string>((resolve, reject) => {
        runs.push({ resolve, reject });
      }),
  };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('in one', () => {
  it('joins the run under way', async () => {
    const { runs, work } = stage();
    const ask = inOne(work);
    const both = Promise.all([ask(), ask()]);
    runs[0]?.resolve('a');
    assert.deepEqual([await both, runs.length], [['a', 'a'], 1]);
    void ask();
    assert.equal(runs.length, 2);
  });
});

describe('in next', () => {
  it('those who ask at the same time share a run, those who come later the next', async () => {
    const { runs, work } = stage();
    const ask = inNext(work);
    const first = Promise.all([ask(), ask()]);
    await turn();
    assert.equal(runs.length, 1);
    const second = Promise.all([ask(), ask(), ask()]);
    await turn();
    assert.equal(runs.length, 1, 'one at a time');
    runs[0]?.resolve('a');
    assert.deepEqual(await first, ['a', 'a']);
    await turn();
    runs[1]?.resolve('b');
    assert.deepEqual([await second, runs.length], [['b', 'b', 'b'], 2]);
  });

  it('a run that fails is a failure of those who shared it alone', async () => {
    const { runs, work } = stage();
    const ask = inNext(work);
    const first = assert.rejects(ask(), /broken/);
    await turn();
    const second = ask();
    runs[0]?.reject(new Error('broken'));
    await first;
    await turn();
    runs[1]?.resolve('b');
    assert.equal(await second, 'b');
  });
});
