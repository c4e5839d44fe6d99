/**
 * How quantities are written (apimachinery Quantity.CanonicalizeBytes): the greatest suffix that leaves a
 * whole number. Pure.
 */

export type QuantityFormat = 'DecimalSI' | 'BinarySI' | 'DecimalExponent';

interface Amount {
  readonly unscaled: bigint;
  readonly scale: number;
  readonly format: QuantityFormat;
}

const binarySuffixes = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
const decimalSuffixes = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'];

/**
 * Below 1024, and where it is no whole number, a binary amount is written as a decimal one. Beyond E and Ei
 * there is no suffix.
 */
export function formatAmount({ unscaled, scale, format }: Amount): string {
  if (unscaled === 0n) return '0';
  const whole = format === 'BinarySI' ? wholeOf(unscaled, scale) : undefined;
  if (whole !== undefined && (whole >= 1024n || whole <= -1024n)) return binary(whole);
  return decimal(unscaled, { scale, isExponent: format === 'DecimalExponent' });
}

function wholeOf(unscaled: bigint, scale: number): bigint | undefined {
  if (scale >= 0) return unscaled * 10n ** BigInt(scale);
  const divisor = 10n ** BigInt(-scale);
  return unscaled % divisor === 0n ? unscaled / divisor : undefined;
}

function binary(amount: bigint): string {
  let [number, step] = [amount, 0];
  for (; number % 1024n === 0n; step += 1) number /= 1024n;
  return `${number}${binarySuffixes[step] ?? ''}`;
}

function decimal(unscaled: bigint, { scale, isExponent }: { scale: number; isExponent: boolean }): string {
  let [number, exponent] = [unscaled, scale];
  for (; number % 10n === 0n; exponent += 1) number /= 10n;
  for (; exponent % 3 !== 0; exponent -= 1) number *= 10n;
  if (isExponent) return exponent === 0 ? String(number) : `${number}e${exponent}`;
  return `${number}${decimalSuffixes[exponent / 3 + 3] ?? ''}`;
}
