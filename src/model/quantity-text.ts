/** Quantities as people read them: the canonical form of apimachinery's Quantity.String. Pure. */
import { parseNano } from './quantity.ts';

const binary = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
const decimal = ['', 'k', 'M', 'G', 'T', 'P', 'E'];

/** Whole bytes in powers of 1024; below 1024 as a plain number, as there nothing would be exact. */
export function binaryText(amount: number): string {
  return Math.abs(amount) < 1024 ? decimalText(amount) : scaled(amount, 1024, binary);
}

/** Whole units in powers of 1000. */
export function decimalText(amount: number): string {
  return scaled(amount, 1000, decimal);
}

/** A quantity somebody wrote, in the canonical form of its own kind: 1024Mi → 1Gi, 0.5Gi → 512Mi. */
export function canonicalText(text: string): string {
  const nano = parseNano(text);
  if (nano === undefined || /[eE]\d/.test(text) || nano % 1_000_000_000n !== 0n) return text;
  const amount = Number(nano / 1_000_000_000n);
  return text.endsWith('i') ? binaryText(amount) : decimalText(amount);
}

function scaled(amount: number, step: number, units: readonly string[]): string {
  let [value, unit] = [amount, 0];
  while (value !== 0 && value % step === 0 && unit < units.length - 1) {
    value /= step;
    unit += 1;
  }
  return `${value}${units[unit] ?? ''}`;
}
