/** Quantities as objects and people have them, as text. What is no quantity counts as nothing. Pure. */
import {
  compareQuantities,
  parseQuantity,
  quantityOf,
  quantityText,
  scaledValue,
  type Quantity,
} from './quantity.ts';

const none = quantityOf(0n, 0, 'DecimalSI');

/** JSON may hold a plain number. */
export function quantity(text: string | number | undefined): Quantity {
  return text === undefined ? none : (parseQuantity(String(text)) ?? none);
}

/** Whole units, rounded up; 0 for undefined (Quantity.Value). */
export function quantityValue(text: string | number | undefined): bigint {
  return scaledValue(quantity(text), 0);
}

/** Thousandths, rounded up; 0 for undefined (Quantity.MilliValue). */
export function quantityMilli(text: string | number | undefined): bigint {
  return scaledValue(quantity(text), -3);
}

export function isPositive(text: string | undefined): boolean {
  return quantity(text).unscaled > 0n;
}

/** Whether a measured amount, in whole units, is more than the quantity. */
export function isMore(measured: number, than: string): boolean {
  const amount = quantityOf(BigInt(Math.trunc(measured)), 0, 'BinarySI');
  return compareQuantities(amount, quantity(than)) > 0;
}

/** Milli units as text: 2000 → "2", 1500 → "1500m". */
export function milliText(milli: bigint): string {
  return quantityText(quantityOf(milli, -3, 'DecimalSI'));
}

/** Whole bytes in powers of 1024; below 1024 as a plain number, as there nothing would be exact. */
export function binaryText(amount: number | bigint): string {
  return quantityText(quantityOf(BigInt(amount), 0, 'BinarySI'));
}

/** Whole units in powers of 1000. */
export function decimalText(amount: number | bigint): string {
  return quantityText(quantityOf(BigInt(amount), 0, 'DecimalSI'));
}

/** As the API server stores it: it takes a number without a suffix for a decimal one. */
export function storedText(quantity: Quantity): string {
  return canonicalText(quantityText(quantity));
}

/** A quantity somebody wrote, in the canonical form of its own kind: 1024Mi → 1Gi, 0.5Gi → 512Mi. */
export function canonicalText(text: string): string {
  const parsed = parseQuantity(text);
  return parsed === undefined ? text : quantityText(parsed);
}
