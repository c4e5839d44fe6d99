/**
 * Resource quantities as apimachinery's pkg/api/resource has them: exact, with the form they were written in.
 * Beyond int64 they behave as Go's do, so that a pod is judged as a kubelet judges it. Pure.
 */
import { formatAmount, type QuantityFormat } from './quantity-form.ts';

/** `unscaled` × 10^`scale` */
export interface Quantity {
  readonly unscaled: bigint;
  readonly scale: number;
  readonly format: QuantityFormat;
  /** Go holds it as a decimal of any size, not as an int64: they overflow in different ways */
  readonly isDecimal: boolean;
  /** the text it was read from, where Go takes that for canonical */
  readonly written?: string;
}

const MAX_INT64 = 2n ** 63n - 1n;
const NANO = -9;
/** Longer texts and greater exponents are no quantities: no sum of real ones comes near. */
const MAX_LENGTH = 256;
const MAX_EXPONENT = 512;

const suffixes = new Map<string, { base: 2 | 10; exponent: number }>([
  ...(['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'] as const).map(
    (suffix, index) => [suffix, { base: 10, exponent: 3 * index - 9 }] as const,
  ),
  ...(['Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'] as const).map(
    (suffix, index) => [suffix, { base: 2, exponent: 10 * (index + 1) }] as const,
  ),
]);
const form = /^([+-]?)0*(\d*)(?:\.(\d*))?([eEinumkKMGTP]*[+-]?\d*)$/;

/** undefined for a text that is no quantity (ParseQuantity). Anything finer than 10⁻⁹ is rounded up. */
export function parseQuantity(text: string): Quantity | undefined {
  if (text === '' || text.length > MAX_LENGTH) return undefined;
  const match = form.exec(text);
  const suffix = interpret(match?.[4] ?? '');
  if (match === null || suffix === undefined || Math.abs(suffix.exponent) > MAX_EXPONENT) return undefined;
  const [, sign, whole = '', fraction = ''] = match;
  const number: Written = { text, isNegative: sign === '-', whole: whole === '' ? '0' : whole, fraction };
  return small(number, suffix) ?? decimal(number, suffix);
}

interface Suffix {
  readonly base: 2 | 10;
  readonly exponent: number;
  readonly format: QuantityFormat;
}

interface Written {
  readonly text: string;
  readonly isNegative: boolean;
  readonly whole: string;
  readonly fraction: string;
}

function interpret(suffix: string): Suffix | undefined {
  const known = suffixes.get(suffix);
  if (known !== undefined) return { ...known, format: known.base === 2 ? 'BinarySI' : 'DecimalSI' };
  const exponent = /^[eE]([+-]?\d+)$/.exec(suffix)?.[1];
  return exponent === undefined
    ? undefined
    : { base: 10, exponent: Number(exponent), format: 'DecimalExponent' };
}

/** What Go holds as an int64: its text stays, where its own rules take it for canonical. */
function small(
  { text, isNegative, whole, fraction }: Written,
  { base, exponent, format }: Suffix,
): Quantity | undefined {
  const digits = whole.length + fraction.length;
  const isSmall =
    base === 10
      ? digits <= 18 && exponent - fraction.length >= NANO
      : fraction === '' && digits <= 14 - (exponent * 3) / 10;
  if (!isSmall) return undefined;
  const shifted = whole + fraction;
  const value = BigInt(shifted);
  const unscaled = base === 10 ? value : value << BigInt(exponent);
  const scale = base === 10 ? exponent - fraction.length : 0;
  const isCanonical =
    base === 10
      ? scale % 3 === 0 && !shifted.endsWith('000') && !shifted.startsWith('0')
      : (value & 7n) !== 0n;
  return {
    unscaled: isNegative ? -unscaled : unscaled,
    scale,
    format,
    isDecimal: false,
    ...(isCanonical ? { written: text } : {}),
  };
}

function decimal({ isNegative, whole, fraction }: Written, { base, exponent, format }: Suffix): Quantity {
  const digits = BigInt(whole + fraction);
  const unscaled = base === 10 ? digits : digits << BigInt(exponent);
  const nano = rescaled(unscaled, (base === 10 ? exponent : 0) - fraction.length - NANO);
  const isCapped = format === 'BinarySI' && nano > MAX_INT64 * 10n ** 9n;
  // less than one has no binary form
  const isPart = format === 'BinarySI' && nano > 0n && nano < 10n ** 9n;
  const magnitude = isCapped ? MAX_INT64 : nano;
  return {
    unscaled: isNegative ? -magnitude : magnitude,
    scale: isCapped ? 0 : NANO,
    format: isPart ? 'DecimalSI' : format,
    isDecimal: true,
  };
}

/** × 10^`power`, rounded away from zero. */
function rescaled(value: bigint, power: number): bigint {
  if (power >= 0) return value * 10n ** BigInt(power);
  const divisor = 10n ** BigInt(-power);
  const magnitude = value < 0n ? -value : value;
  const rounded = (magnitude + divisor - 1n) / divisor;
  return value < 0n ? -rounded : rounded;
}

/** In units of 10^`scale`, rounded up, as an int64 that overflows as Go's does (ScaledValue). */
export function scaledValue(quantity: Quantity, scale: number): bigint {
  const power = quantity.scale - scale;
  return BigInt.asIntN(
    64,
    quantity.isDecimal ? ofDecimal(quantity.unscaled, power) : ofSmall(quantity.unscaled, power),
  );
}

/** The steps between suffixes wrap around, the others give nothing (positiveScaleInt64). */
function ofSmall(value: bigint, power: number): bigint {
  const scaled = rescaled(value, power);
  return isInt64(scaled) || [1, 2, 3, 6, 9].includes(power) ? scaled : 0n;
}

function ofDecimal(value: bigint, power: number): bigint {
  if (power === 0) return value;
  const low = BigInt.asIntN(64, value);
  if (power > 0) return low * (power < 19 ? 10n ** BigInt(power) : -(2n ** 63n));
  const divisor = 10n ** BigInt(-power);
  if (value < MAX_INT64 && power > -19) return low / divisor + (low % divisor === 0n ? 0n : 1n);
  return rescaled(value, power);
}

function isInt64(value: bigint): boolean {
  return value <= MAX_INT64 && value >= -MAX_INT64 - 1n;
}

export function quantityText(quantity: Quantity): string {
  return quantity.written ?? formatAmount(quantity);
}

/** `scale` 0: whole units; -3: thousandths (NewQuantity, NewMilliQuantity). */
export function quantityOf(unscaled: bigint, scale: number, format: QuantityFormat): Quantity {
  return { unscaled, scale, format, isDecimal: false };
}

/** In the form of the first, unless that is zero (Quantity.Add). */
export function addQuantities(a: Quantity, b: Quantity): Quantity {
  const format = a.unscaled === 0n ? b.format : a.format;
  if (!a.isDecimal && !b.isDecimal && (a.unscaled === 0n || b.unscaled === 0n))
    return plain(a.unscaled === 0n && b.unscaled !== 0n ? b : a, format);
  const scale = Math.min(a.scale, b.scale);
  const unscaled = rescaled(a.unscaled, a.scale - scale) + rescaled(b.unscaled, b.scale - scale);
  return { unscaled, scale, format, isDecimal: a.isDecimal || b.isDecimal || !isInt64(unscaled) };
}

export function compareQuantities(a: Quantity, b: Quantity): -1 | 0 | 1 {
  const scale = Math.min(a.scale, b.scale);
  const difference = rescaled(a.unscaled, a.scale - scale) - rescaled(b.unscaled, b.scale - scale);
  return difference === 0n ? 0 : difference > 0n ? 1 : -1;
}

/** What has been through arithmetic is written again. */
function plain({ unscaled, scale, isDecimal }: Quantity, format: QuantityFormat): Quantity {
  return { unscaled, scale, format, isDecimal };
}
