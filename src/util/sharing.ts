/**
 * What two views of a thing have in common is held once. Of plain data as JSON has it: the views of an
 * object that a watch shows one after the other differ in little, and each is parsed anew. Pure.
 */
import { own } from '../model/own.ts';

/**
 * What `value` says, made of those parts of `before` that say the same: `before` itself where all does. Keys
 * may come in another order. Neither is changed, and neither may be afterwards.
 */
export function sharing<T>(value: T, before: unknown): T {
  return share(value, before) as T;
}

function share(value: unknown, before: unknown): unknown {
  if (Object.is(value, before)) return before;
  if (Array.isArray(value)) return Array.isArray(before) ? shareList(value, before) : value;
  return isRecord(value) && isRecord(before) ? shareRecord(value, before) : value;
}

function shareList(value: readonly unknown[], before: readonly unknown[]): readonly unknown[] {
  const shared = value.map((each, index) => share(each, before[index]));
  const isSame = value.length === before.length && shared.every((each, index) => each === before[index]);
  return isSame ? before : shared;
}

function shareRecord(value: Json, before: Json): Json {
  const shared = Object.entries(value).map(([key, each]) => [key, share(each, own(before, key))] as const);
  const isSame =
    shared.length === Object.keys(before).length &&
    shared.every(([key, each]) => Object.hasOwn(before, key) && each === own(before, key));
  return isSame ? before : Object.fromEntries(shared);
}

type Json = Readonly<Record<string, unknown>>;

function isRecord(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
