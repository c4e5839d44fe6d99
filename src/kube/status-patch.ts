/** The strategic merge patch from one status to another (apimachinery: strategicpatch, k8s.io/api/core/v1 PodStatus and NodeStatus). Pure. */
import { isDeepStrictEqual } from 'node:util';

type Json = Record<string, unknown>;

/** Lists that merge by a key; every other list is replaced whole. */
const mergeKeys: Record<string, string> = {
  conditions: 'type',
  podIPs: 'ip',
  hostIPs: 'ip',
  resourceClaimStatuses: 'name',
  addresses: 'type',
};

/** undefined where nothing differs; null values delete. Absent, undefined and null are the same. */
export function statusPatch(from: object, to: object): Json | undefined {
  const patch = diff(normal(from) as Json, normal(to) as Json);
  return Object.keys(patch).length === 0 ? undefined : patch;
}

function diff(from: Json, to: Json): Json {
  const patch: Json = {};
  for (const key of new Set([...Object.keys(from), ...Object.keys(to)])) {
    const before = from[key];
    const after = to[key];
    if (isDeepStrictEqual(before, after)) continue;
    const mergeKey = mergeKeys[key];
    if (after === undefined) patch[key] = null;
    else if (mergeKey !== undefined && Array.isArray(before) && Array.isArray(after)) {
      patch[key] = mergedList(before as Json[], after as Json[], mergeKey);
      patch[`$setElementOrder/${key}`] = (after as Json[]).map((item) => ({ [mergeKey]: item[mergeKey] }));
    } else if (isObject(before) && isObject(after)) patch[key] = diff(before, after);
    else patch[key] = after;
  }
  return patch;
}

function mergedList(before: readonly Json[], after: readonly Json[], key: string): Json[] {
  const changed = after.flatMap((item) => {
    const old = before.find((each) => each[key] === item[key]);
    if (old === undefined) return [item];
    const change = diff(old, item);
    return Object.keys(change).length === 0 ? [] : [{ ...change, [key]: item[key] }];
  });
  const gone = before.filter((item) => !after.some((each) => each[key] === item[key]));
  return [...changed, ...gone.map((item) => ({ $patch: 'delete', [key]: item[key] }))];
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Without null and undefined, which JSON may or may not carry. */
function normal(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(normal);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, each]) => each !== null && each !== undefined)
      .map(([key, each]) => [key, normal(each)]),
  );
}
