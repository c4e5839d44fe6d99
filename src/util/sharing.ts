/**
 * What two views of a thing have in common is held once. Of plain data as Kubernetes has it: the views of an
 * object that a watch shows one after the other differ in little, as do pods of one template, and each is
 * parsed anew. Pure.
 */
import { own } from '../model/own.ts';

/**
 * What `value` says, made of those parts of `before` that say the same: `before` itself where all does. Keys
 * may come in another order; entries of a list are found by their `type` or `name`. A key without a value
 * says nothing. Neither is changed, and neither may be afterwards.
 */
export function sharing<T>(value: T, before: unknown): T {
  return share(value, before) as T;
}

/** Whether both say the same, lists in the same order. */
export function saysSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (Array.isArray(a))
    return Array.isArray(b) && a.length === b.length && a.every((each, index) => saysSame(each, b[index]));
  if (!isRecord(a) || !isRecord(b)) return false;
  let said = 0;
  for (const key of Object.keys(a)) {
    const each = own(a, key);
    if (!isSaid(each)) continue;
    if (!saysSame(each, own(b, key))) return false;
    said += 1;
  }
  return said === Object.keys(b).filter((key) => isSaid(own(b, key))).length;
}

function share(value: unknown, before: unknown): unknown {
  if (saysSame(value, before)) return before;
  if (Array.isArray(value)) return Array.isArray(before) ? shareList(value, before) : value;
  return isRecord(value) && isRecord(before) ? shareRecord(value, before) : value;
}

function shareList(value: readonly unknown[], before: readonly unknown[]): readonly unknown[] {
  const shared = value.map((each, index) => share(each, likest(each, before, index)));
  return shared.every((each, index) => each === value[index]) ? value : shared;
}

/** The entry that most likely says the same: that of the same name, or else in the same place. */
function likest(value: unknown, before: readonly unknown[], index: number): unknown {
  const inPlace = before[index];
  const name = nameOf(value);
  if (name === undefined || name === nameOf(inPlace) || before.length > SEARCHED) return inPlace;
  return before.find((each) => nameOf(each) === name) ?? inPlace;
}

/** Longer lists are not searched for each of their entries. */
const SEARCHED = 32;

const nameOf = (value: unknown): unknown =>
  isRecord(value) ? (own(value, 'type') ?? own(value, 'name')) : undefined;

function shareRecord(value: Json, before: Json): Json {
  const shared = Object.entries(value).map(([key, each]) => [key, share(each, own(before, key))] as const);
  return shared.every(([key, each]) => each === own(value, key)) ? value : Object.fromEntries(shared);
}

/** Null is what is absent to a strategic merge. */
export const isSaid = (value: unknown): boolean => value !== undefined && value !== null;

type Json = Readonly<Record<string, unknown>>;

export function isRecord(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
