/** Resource quantities (apimachinery pkg/api/resource): exact, kept as integers of 10⁻⁹. */
const suffixes: Record<string, bigint> = {
  n: 1n,
  u: 1_000n,
  m: 1_000_000n,
  '': 1_000_000_000n,
  k: 1_000n * 1_000_000_000n,
  M: 1_000_000n * 1_000_000_000n,
  G: 1_000_000_000n * 1_000_000_000n,
  T: 10n ** 12n * 1_000_000_000n,
  P: 10n ** 15n * 1_000_000_000n,
  E: 10n ** 18n * 1_000_000_000n,
  Ki: 1n << 10n,
  Mi: 1n << 20n,
  Gi: 1n << 30n,
  Ti: 1n << 40n,
  Pi: 1n << 50n,
  Ei: 1n << 60n,
};
const form = /^([+-]?)(\d*)(?:\.(\d*))?(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?\d+))?$/;

/** The quantity in units of 10⁻⁹, or undefined if the text is none. Anything finer is rounded up. */
export function parseNano(text: string): bigint | undefined {
  const match = form.exec(text);
  if (match === null) return undefined;
  const [, sign, whole = '', fraction = '', suffix = '', exponent] = match;
  if (whole === '' && fraction === '') return undefined;
  const nano = 1_000_000_000n;
  let unit = suffixes[suffix] ?? nano;
  if (suffix.endsWith('i')) unit *= nano;
  let divisor = 10n ** BigInt(fraction.length);
  if (exponent !== undefined) {
    const power = Number(exponent);
    if (Math.abs(power) > 30) return undefined;
    if (power >= 0) unit *= 10n ** BigInt(power);
    else divisor *= 10n ** BigInt(-power);
  }
  const product = BigInt(`${whole}${fraction}` || '0') * unit;
  const magnitude = (product + divisor - 1n) / divisor;
  return sign === '-' ? -magnitude : magnitude;
}

function nanoOf(quantity: string | number | undefined): bigint {
  return quantity === undefined ? 0n : (parseNano(String(quantity)) ?? 0n);
}

function ceilDiv(value: bigint, by: bigint): bigint {
  return value > 0n ? (value + by - 1n) / by : value / by;
}

/** Whole units, rounded up; 0 for undefined (Quantity.Value). */
export function quantityValue(quantity: string | number | undefined): number {
  return Number(ceilDiv(nanoOf(quantity), 1_000_000_000n));
}

/** Thousandths, rounded up; 0 for undefined (Quantity.MilliValue). */
export function quantityMilli(quantity: string | number | undefined): number {
  return Number(ceilDiv(nanoOf(quantity), 1_000_000n));
}

export function isPositive(quantity: string | undefined): boolean {
  return nanoOf(quantity) > 0n;
}

/** Milli units as text: 2000 → "2", 1500 → "1500m". */
export function formatMilli(milli: number): string {
  return milli % 1000 === 0 ? String(milli / 1000) : `${String(milli)}m`;
}

/** Written with a binary suffix, such as 64Mi. */
export function isBinary(quantity: string): boolean {
  return quantity.endsWith('i');
}

const binarySteps = ['Ei', 'Pi', 'Ti', 'Gi', 'Mi', 'Ki'];
const decimalSteps = ['E', 'P', 'T', 'G', 'M', 'k', '', 'm', 'u', 'n'];

/** Units of 10⁻⁹ as text: the greatest suffix that leaves a whole number (Quantity's canonical form). */
export function formatNano(nano: bigint, form: 'binary' | 'decimal'): string {
  if (nano === 0n) return '0';
  const unit = 1_000_000_000n;
  const magnitude = nano < 0n ? -nano : nano;
  // below 1024, and for parts of a unit, the decimal form is used whatever was asked for
  if (form === 'binary' && magnitude >= 1024n * unit && magnitude % unit === 0n) {
    const step = binarySteps.find((suffix) => nano % ((suffixes[suffix] ?? 1n) * unit) === 0n);
    return step === undefined ? String(nano / unit) : `${nano / ((suffixes[step] ?? 1n) * unit)}${step}`;
  }
  const step = decimalSteps.find((suffix) => nano % (suffixes[suffix] ?? 1n) === 0n) ?? 'n';
  return `${nano / (suffixes[step] ?? 1n)}${step}`;
}
