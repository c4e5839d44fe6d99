/** Header fields as net/textproto and net/http keep them. Byte strings. Pure. */
import { withoutSpace } from './byte-string.ts';

/** Values by canonical key, in the order in which they came. */
export type Header = Map<string, string[]>;

const token = /^[-!#$%&'*+.^_`|~0-9A-Za-z]+$/;

/** content-type → Content-Type; what is no name of a field stays as it is. */
export function canonicalKey(key: string): string {
  if (!token.test(key)) return key;
  return key.toLowerCase().replace(/(^|-)[a-z]/g, (start) => start.toUpperCase());
}

export function isFieldName(key: string): boolean {
  return token.test(key);
}

/** No control characters but tabs (httpguts.ValidHeaderFieldValue). */
export function isFieldValue(value: string): boolean {
  return !/[\x00-\x08\x0a-\x1f\x7f]/.test(value);
}

export function addField(header: Header, name: string, value: string): void {
  const key = canonicalKey(name);
  const values = header.get(key);
  if (values === undefined) header.set(key, [value]);
  else values.push(value);
}

/** The first value, '' if there is none. */
export function firstValue(header: ReadonlyMap<string, readonly string[]>, key: string): string {
  return header.get(key)?.[0] ?? '';
}

/**
 * Whether one of the values, taken as lists with commas, names the token
 * (httpguts.HeaderValuesContainsToken).
 */
export function hasListed(values: readonly string[] | undefined, name: string): boolean {
  return (values ?? []).some((value) =>
    value.split(',').some((part) => withoutSpace(part).toLowerCase() === name),
  );
}
