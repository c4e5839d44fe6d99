/**
 * The strategic merge patch from one status to another (apimachinery: strategicpatch, k8s.io/api/core/v1
 * PodStatus and NodeStatus). Pure.
 */
import { own } from '../model/own.ts';
import { isDeepStrictEqual } from 'node:util';
import { isRecord, isSaid, saysSame } from '../util/sharing.ts';

type Json = Record<string, unknown>;

/** Lists that merge by a key; every other list is replaced whole. */
const mergeKeys: Record<string, string> = {
  conditions: 'type',
  podIPs: 'ip',
  hostIPs: 'ip',
  resourceClaimStatuses: 'name',
};
/**
 * Lists that would merge by a key that several of their entries share: replaced aloud
 * (component-helpers/node/util/status.go fixupPatchForNodeStatusAddresses).
 */
const replaced: readonly string[] = ['addresses'];

/** undefined where nothing differs; null values delete. Absent, undefined and null are the same. */
export function statusPatch(from: object, to: object): Json | undefined {
  // mostly nothing differs, which is told without a copy of either
  if (saysSame(from, to)) return undefined;
  const patch = diff(normal(from) as Json, normal(to) as Json);
  return Object.keys(patch).length === 0 ? undefined : patch;
}

function diff(from: Json, to: Json): Json {
  const keys = new Set([...Object.keys(from), ...Object.keys(to)]);
  return Object.fromEntries([...keys].flatMap((key) => change(key, own(from, key), own(to, key))));
}

function change(key: string, before: unknown, after: unknown): [string, unknown][] {
  if (isDeepStrictEqual(before, after)) return [];
  if (after === undefined) return [[key, null]];
  if (replaced.includes(key) && Array.isArray(after))
    return [[key, [...(after as Json[]), { $patch: 'replace' }]]];
  const mergeKey = own(mergeKeys, key);
  if (mergeKey !== undefined && Array.isArray(before) && Array.isArray(after)) {
    const order = (after as Json[]).map((item) => ({ [mergeKey]: own(item, mergeKey) }));
    return [
      [key, mergedList(before as Json[], after as Json[], mergeKey)],
      [`$setElementOrder/${key}`, order],
    ];
  }
  return [[key, isRecord(before) && isRecord(after) ? diff(before, after) : after]];
}

function mergedList(before: readonly Json[], after: readonly Json[], key: string): Json[] {
  const keyOf = (item: Json): unknown => own(item, key);
  const changed = after.flatMap((item) => {
    const old = before.find((each) => keyOf(each) === keyOf(item));
    if (old === undefined) return [item];
    const changes = diff(old, item);
    return Object.keys(changes).length === 0 ? [] : [{ ...changes, [key]: keyOf(item) }];
  });
  const gone = before.filter((item) => !after.some((each) => keyOf(each) === keyOf(item)));
  return [...changed, ...gone.map((item) => ({ $patch: 'delete', [key]: keyOf(item) }))];
}

/** Without null and undefined, which JSON may or may not carry. */
function normal(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(normal);
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, each]) => isSaid(each))
      .map(([key, each]) => [key, normal(each)]),
  );
}
