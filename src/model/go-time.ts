/**
 * Times as Go's time.Parse reads them with the layouts RFC3339 and RFC3339Nano, and as it prints them. Pure.
 */

/** A moment, and the zone that it was written in. */
export interface GoTime {
  /** since the epoch, in UTC; below zero before it */
  readonly seconds: number;
  /** 0…999,999,999 */
  readonly nanos: number;
  /** of the zone, east of Greenwich */
  readonly offset: number;
}

const DASH = 0x2d;
const COLON = 0x3a;
const UPPER_T = 0x54;
const UPPER_Z = 0x5a;
const DAY = 86_400;

/**
 * The time that the bytes from `start` to `end` are, undefined if time.Parse refuses them. As it does: an
 * hour of one digit, a comma before the fraction, more than nine digits (the others are cut off) and zones of
 * up to 24:60 pass.
 */
export function parseGoTime(bytes: Uint8Array, start = 0, end = bytes.length): GoTime | undefined {
  const hourDigits = bytes[start + 12] === COLON ? 1 : 2;
  const minuteAt = start + 12 + hourDigits;
  const secondsEnd = minuteAt + 5;
  if (secondsEnd >= end) return undefined;
  if (bytes[start + 4] !== DASH || bytes[start + 7] !== DASH || bytes[start + 10] !== UPPER_T)
    return undefined;
  if (bytes[minuteAt - 1] !== COLON || bytes[minuteAt + 2] !== COLON) return undefined;
  const year = digits(bytes, start, 4);
  const month = digits(bytes, start + 5, 2);
  const day = digits(bytes, start + 8, 2);
  const hour = digits(bytes, start + 11, hourDigits);
  const minute = digits(bytes, minuteAt, 2);
  const second = digits(bytes, minuteAt + 3, 2);
  if (year < 0 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return undefined;
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return undefined;
  const zoneAt = fractionEnd(bytes, secondsEnd, end);
  const offset = zone(bytes, zoneAt, end);
  if (offset === undefined) return undefined;
  return {
    seconds: daysSinceEpoch(year, month, day) * DAY + hour * 3600 + minute * 60 + second - offset,
    nanos: zoneAt === secondsEnd ? 0 : nanoseconds(bytes, secondsEnd + 1, zoneAt),
    offset,
  };
}

/** In its own zone, with nine decimals always: RFC3339NanoFixed of cri-client/pkg/logs. */
export function fixedGoTime({ seconds, nanos, offset }: GoTime): string {
  const date = dateOf(seconds + offset);
  const minutes = Math.abs(offset) / 60;
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0');
  const east = offset === 0 ? 'Z' : `${offset < 0 ? '-' : '+'}${two(minutes / 60)}:${two(minutes % 60)}`;
  return `${date}.${String(nanos).padStart(9, '0')}${east}`;
}

/** Many entries of a log are of one second. */
let latest = { seconds: NaN, text: '' };

function dateOf(seconds: number): string {
  if (latest.seconds !== seconds)
    latest = { seconds, text: new Date(seconds * 1000).toISOString().replace(/\.000Z$/, '') };
  return latest.text;
}

export function isBefore(a: Moment, b: Moment): boolean {
  return a.seconds < b.seconds || (a.seconds === b.seconds && a.nanos < b.nanos);
}

export type Moment = Pick<GoTime, 'seconds' | 'nanos'>;

/** The moment that lies some ms later, or earlier if they are below zero. */
export function moved({ seconds, nanos }: Moment, ms: number): Moment {
  const whole = Math.floor(ms / 1000);
  const all = nanos + Math.round((ms - whole * 1000) * 1e6);
  return { seconds: seconds + whole + Math.floor(all / 1e9), nanos: all % 1e9 };
}

/** -1 if one of them is no digit. */
function digits(bytes: Uint8Array, at: number, count: number): number {
  let value = 0;
  for (let index = at; index < at + count; index += 1) {
    const digit = (bytes[index] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

/** Where the zone begins: after a point or comma and at least one digit, if they are there. */
function fractionEnd(bytes: Uint8Array, at: number, end: number): number {
  const mark = bytes[at];
  if ((mark !== 0x2e && mark !== 0x2c) || at + 1 >= end || digits(bytes, at + 1, 1) < 0) return at;
  let next = at + 2;
  while (next < end && digits(bytes, next, 1) >= 0) next += 1;
  return next;
}

function nanoseconds(bytes: Uint8Array, at: number, end: number): number {
  const count = Math.min(9, end - at);
  return digits(bytes, at, count) * 10 ** (9 - count);
}

/** Seconds east of Greenwich; undefined for what is no zone up to the end. */
function zone(bytes: Uint8Array, at: number, end: number): number | undefined {
  const sign = bytes[at];
  if (sign === UPPER_Z) return at + 1 === end ? 0 : undefined;
  if (at + 6 !== end || (sign !== 0x2b && sign !== DASH) || bytes[at + 3] !== COLON) return undefined;
  const hours = digits(bytes, at + 1, 2);
  const minutes = digits(bytes, at + 4, 2);
  if (hours < 0 || hours > 24 || minutes < 0 || minutes > 60) return undefined;
  const east = hours * 3600 + minutes * 60;
  return sign === DASH && east > 0 ? -east : east;
}

function daysIn(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** In the proleptic Gregorian calendar, with years that begin in March so that the leap day is their last. */
function daysSinceEpoch(year: number, month: number, day: number): number {
  const marchYear = month > 2 ? year : year - 1;
  const era = Math.floor(marchYear / 400);
  const yearOfEra = marchYear - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

/** Milliseconds as Go's time.Duration shows them once cut to ms: 1.5s, 250ms, 1m2.345s, 1h0m0s, 0s. */
export function goDuration(milliseconds: number): string {
  const ms = Math.max(0, Math.floor(milliseconds));
  if (ms === 0) return '0s';
  if (ms < 1000) return `${ms}ms`;
  const hours = Math.floor(ms / 3_600_000);
  const minutes = Math.floor(ms / 60_000) % 60;
  const seconds = `${(ms % 60_000) / 1000}s`;
  if (hours > 0) return `${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${minutes}m${seconds}` : seconds;
}
