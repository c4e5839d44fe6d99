/**
 * What of a Node is the configuration's: labels, taints, provider id. It is put right whenever farlet takes
 * the Node; what others gave it stays. Pure.
 */
import { isDeepStrictEqual } from 'node:util';
import { isHostName } from '../model/host-labels.ts';
import type { KubeNode, Taint } from '../model/kube.ts';
import { own } from '../model/own.ts';

/** On the Node: which labels and taints it has by the configuration, so that they go with it. */
export const configuredKey = 'farlet.dev/configured';

export interface Configured {
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
}

export function configuredText({ labels, taints }: Configured): string {
  return JSON.stringify({ labels: Object.keys(labels).sort(), taints: taints.map(taintId).sort() });
}

/** A strategic merge patch that makes the Node as it is wanted; undefined: it is. */
export function nodePatch(there: KubeNode, wanted: KubeNode): object | undefined {
  const mark = own(there.metadata.annotations, configuredKey);
  const wantedMark = own(wanted.metadata.annotations, configuredKey);
  const before = formerly(mark);
  const hasTaints = there.spec?.taints ?? [];
  const labels = labelsPatch(there.metadata.labels ?? {}, {
    wanted: wanted.metadata.labels ?? {},
    before: before.labels,
  });
  const taints = taintsOf(hasTaints, { wanted: wanted.spec?.taints ?? [], before: before.taints });
  const taintsAreRight = isDeepStrictEqual(taints, hasTaints);
  const providerID = there.spec?.providerID === undefined ? wanted.spec?.providerID : undefined;
  if (labels === undefined && taintsAreRight && mark === wantedMark && providerID === undefined)
    return undefined;
  return {
    metadata: {
      // the list is replaced whole: not the one that somebody else has written meanwhile
      ...(taintsAreRight ? {} : { resourceVersion: there.metadata.resourceVersion }),
      ...(labels === undefined ? {} : { labels }),
      ...(mark === wantedMark ? {} : { annotations: { [configuredKey]: wantedMark ?? null } }),
    },
    spec: {
      ...(taintsAreRight ? {} : { taints }),
      ...(providerID === undefined ? {} : { providerID }),
    },
  };
}

/** Null deletes; undefined: nothing is to be done. */
function labelsPatch(
  there: Readonly<Record<string, string>>,
  { wanted, before }: { wanted: Readonly<Record<string, string>>; before: readonly string[] },
): Record<string, string | null> | undefined {
  // pods would be sent here for hosts that are not the node's any more
  const gone = Object.keys(there).filter(
    (key) => (isHostName(key) || before.includes(key)) && !Object.hasOwn(wanted, key),
  );
  const isStale = gone.length > 0 || Object.entries(wanted).some(([key, value]) => own(there, key) !== value);
  return isStale ? { ...wanted, ...Object.fromEntries(gone.map((key) => [key, null])) } : undefined;
}

/** Those that are there keep their places. */
function taintsOf(
  there: readonly Taint[],
  { wanted, before }: { wanted: readonly Taint[]; before: readonly string[] },
): Taint[] {
  const kept = there.flatMap((taint) => {
    const ours = wanted.find((each) => taintId(each) === taintId(taint));
    if (ours === undefined) return before.includes(taintId(taint)) ? [] : [taint];
    return [(ours.value ?? '') === (taint.value ?? '') ? taint : ours];
  });
  const missing = wanted.filter((taint) => !there.some((each) => taintId(each) === taintId(taint)));
  return [...kept, ...missing];
}

/** No two taints of a Node have the same. */
function taintId({ key, effect }: Taint): string {
  return `${key}:${effect}`;
}

/** Anybody may have written it. */
function formerly(text: string | undefined): { labels: readonly string[]; taints: readonly string[] } {
  const nothing = { labels: [], taints: [] };
  try {
    const read: unknown = JSON.parse(text ?? '{}');
    if (typeof read !== 'object' || read === null) return nothing;
    const list = (key: string): string[] => {
      const value: unknown = own(read as Record<string, unknown>, key);
      return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
    };
    return { labels: list('labels'), taints: list('taints') };
  } catch {
    return nothing;
  }
}
