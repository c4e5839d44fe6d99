import assert from 'node:assert/strict';
import fc from 'fast-check';
import { fuzz, hostileBytes } from '../testing/fuzz.ts';
import { addQuantities, compareQuantities, parseQuantity, quantityText, scaledValue } from './quantity.ts';
import { quantity } from './quantity-text.ts';

const digits = fc.stringMatching(/^\d{0,24}$/);
const suffix = fc.constantFrom(
  '',
  'n',
  'u',
  'm',
  'k',
  'M',
  'G',
  'T',
  'P',
  'E',
  'Ki',
  'Mi',
  'Gi',
  'Ei',
  'e3',
  'E-7',
);
const quantityTexts = fc
  .tuple(fc.constantFrom('', '+', '-'), digits, fc.option(digits, { nil: undefined }), suffix)
  .map(([sign, whole, part, end]) => `${sign}${whole}${part === undefined ? '' : `.${part}`}${end}`);

fuzz(
  'quantities: whatever the text',
  fc.oneof(
    quantityTexts,
    hostileBytes(2048).map((bytes) => bytes.toString()),
    fc.bigInt().map((exponent) => `1e${exponent}`),
  ),
  (text) => {
    const parsed = parseQuantity(text);
    if (parsed === undefined) return;
    // what is shown is a quantity that is shown the same
    const shown = quantityText(parsed);
    assert.ok(shown.length < 1024, shown);
    for (const scale of [0, -3]) scaledValue(parsed, scale);
  },
);

fuzz('quantities: sums', fc.tuple(quantityTexts, quantityTexts), ([a, b]) => {
  const [x, y] = [quantity(a), quantity(b)];
  const sum = addQuantities(x, y);
  assert.equal(compareQuantities(sum, addQuantities(y, x)), 0);
  assert.equal(compareQuantities(addQuantities(sum, { ...y, unscaled: -y.unscaled }), x), 0);
});
