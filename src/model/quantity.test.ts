/** Against testdata/quantities.json: what apimachinery v0.36.3 itself makes of each text. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { addQuantities, compareQuantities, parseQuantity, quantityText, scaledValue } from './quantity.ts';
import {
  binaryText,
  canonicalText,
  decimalText,
  isMore,
  milliText,
  quantity,
  quantityMilli,
  quantityValue,
  storedText,
} from './quantity-text.ts';

interface Table {
  /** text; where it is a quantity: as it is shown, as it is shown after arithmetic, Value, MilliValue */
  readonly quantities: readonly [string, string?, string?, string?, string?][];
  /** two texts, their sum, their difference, how they compare */
  readonly pairs: readonly [string, string, string, string, number][];
}

const table = JSON.parse(readFileSync(new URL('testdata/quantities.json', import.meta.url), 'utf8')) as Table;

describe('quantities are those of apimachinery', () => {
  for (const [text, shown, again, value, milli] of table.quantities)
    it(JSON.stringify(text), () => {
      const parsed = parseQuantity(text);
      assert.equal(parsed && quantityText(parsed), shown);
      if (parsed === undefined) return;
      const zero = { ...quantity('0'), format: parsed.format };
      assert.equal(quantityText(addQuantities(parsed, zero)), again);
      assert.equal(String(scaledValue(parsed, 0)), value);
      assert.equal(String(scaledValue(parsed, -3)), milli);
    });

  for (const [a, b, sum, difference, order] of table.pairs)
    it(`${a} and ${b}`, () => {
      const [x, y] = [quantity(a), quantity(b)];
      assert.equal(quantityText(addQuantities(x, y)), sum);
      assert.equal(quantityText(addQuantities(x, { ...y, unscaled: -y.unscaled })), difference);
      assert.equal(compareQuantities(x, y), order);
    });
});

describe('quantities as text', () => {
  it('canonical', () => {
    const rows = [
      ['1024Mi', '1Gi'],
      ['0.5Gi', '512Mi'],
      ['9007199254740993', '9007199254740993'],
      ['33e6', '33e6'],
      ['no quantity', 'no quantity'],
    ];
    for (const [text = '', expected] of rows) assert.equal(canonicalText(text), expected);
  });
  it('amounts', () => {
    assert.deepEqual(
      [binaryText(1536), binaryText(1000), binaryText(2n ** 53n + 1n), decimalText(5000), milliText(1500n)],
      ['1536', '1k', '9007199254740993', '5k', '1500m'],
    );
    assert.deepEqual(
      [quantityValue('0.05Gi'), quantityMilli('1500u'), quantityValue(7)],
      [53687092n, 2n, 7n],
    );
  });
  it('as the API server keeps them', () => {
    assert.equal(storedText({ ...quantity('129000000'), format: 'BinarySI' }), '129M');
    assert.equal(storedText(quantity('16384Ki')), '16Mi');
  });
  it('of amounts are canonical, and are read as what they were', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 50n }), (amount) => {
        for (const text of [milliText(amount), decimalText(amount), binaryText(amount * 1024n)])
          assert.equal(canonicalText(text), text);
        assert.equal(quantityMilli(milliText(amount)), amount);
        assert.equal(quantityValue(decimalText(amount)), amount);
        // without a suffix it is read as a decimal one, so only its value stays
        assert.equal(quantityValue(binaryText(amount)), amount);
        assert.equal(storedText(quantity(binaryText(amount))), canonicalText(binaryText(amount)));
      }),
      { seed: 1, numRuns: 500 },
    );
  });
  it('compared with what was measured', () => {
    assert.deepEqual(
      [isMore(1025, '1Ki'), isMore(1024, '1Ki'), isMore(2 ** 53, '9007199254740993'), isMore(1, '10E')],
      [true, false, false, false],
    );
  });
  it('endless ones are none', () => {
    for (const text of ['1e999999999', `1${'0'.repeat(1000)}`, '1e-999999999', '1E99999999999999999999'])
      assert.equal(parseQuantity(text), undefined);
  });
});
