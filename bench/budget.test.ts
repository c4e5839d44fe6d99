import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { between, inWords, leastOf, over, type Counts } from './budget.ts';

describe('a budget', () => {
  it('tells what costs more than it may, and what it does not name', () => {
    const counts = { start: 1, look: 2.25, sigh: 1 };
    assert.deepEqual(over(counts, { start: 1, look: 2, stop: 3 }), [
      'look: 2.3, and may be 2',
      'sigh: 1, and may be 0',
    ]);
  });

  const tries: {
    readonly name: string;
    readonly measured: readonly Counts[];
    readonly least: Counts;
    readonly tried: number;
  }[] = [
    { name: 'holds at once', measured: [{ a: 1 }, { a: 0.5 }], least: { a: 1 }, tried: 1 },
    {
      name: 'holds for each count in its own try',
      measured: [
        { a: 1, b: 9 },
        { a: 9, b: 1 },
      ],
      least: { a: 1, b: 1 },
      tried: 2,
    },
    {
      name: 'knows that what is not named is none',
      measured: [{ a: 1, c: 1 }, { a: 2 }],
      least: { a: 1 },
      tried: 2,
    },
    { name: 'does not hold', measured: [{ a: 4 }, { a: 3 }, { a: 5 }], least: { a: 3 }, tried: 3 },
  ];
  for (const { name, measured, least, tried } of tries)
    it(name, async () => {
      let count = 0;
      const measure = (): Promise<Counts> => Promise.resolve(measured[count++] ?? {});
      assert.deepEqual(await leastOf(measure, { budget: { a: 1, b: 1 }, tries: 3 }), least);
      assert.equal(count, tried);
    });

  it('is of what came in between, for each', () => {
    assert.deepEqual(
      between(new Map(Object.entries({ a: 1, b: 2 })), new Map(Object.entries({ a: 5, b: 2, c: 1 })), 2),
      { a: 2, c: 0.5 },
    );
  });

  it('is told in one line', () => {
    assert.equal(inWords({ a: 2, 'KiB there': 1.26 }), 'a 2, KiB there 1.3');
  });
});
