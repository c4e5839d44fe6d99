/**
 * What the record itself has by the key: keys come from others and may be names that every JavaScript object
 * has (`constructor`, `__proto__`). Lint holds every other look-up by such a key.
 */
export function own<T>(record: Readonly<Record<string, T>> | undefined, key: string): T | undefined {
  // the one place where it is looked up
  return record !== undefined && Object.hasOwn(record, key) ? record[key] : undefined;
}
