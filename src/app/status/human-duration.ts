/**
 * A length of time as kubectl writes an age (apimachinery: util/duration/duration.go HumanDuration). Pure.
 */

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;

/** Below `until` seconds: in this unit, and what is left of it in the next. */
const steps: readonly {
  readonly until: number;
  readonly unit: number;
  readonly name: string;
  readonly rest?: { readonly unit: number; readonly name: string };
}[] = [
  { until: 2 * MINUTE, unit: 1, name: 's' },
  { until: 10 * MINUTE, unit: MINUTE, name: 'm', rest: { unit: 1, name: 's' } },
  { until: 3 * HOUR, unit: MINUTE, name: 'm' },
  { until: 8 * HOUR, unit: HOUR, name: 'h', rest: { unit: MINUTE, name: 'm' } },
  { until: 2 * DAY, unit: HOUR, name: 'h' },
  { until: 8 * DAY, unit: DAY, name: 'd', rest: { unit: HOUR, name: 'h' } },
  { until: 2 * YEAR, unit: DAY, name: 'd' },
  { until: 8 * YEAR, unit: YEAR, name: 'y', rest: { unit: DAY, name: 'd' } },
  { until: Infinity, unit: YEAR, name: 'y' },
];

export function humanDuration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const step = steps.find(({ until }) => whole < until);
  if (step === undefined) return '?';
  const { unit, name, rest } = step;
  const left = rest === undefined ? 0 : Math.floor((whole % unit) / rest.unit);
  return `${String(Math.floor(whole / unit))}${name}${left === 0 ? '' : `${String(left)}${rest?.name ?? ''}`}`;
}
