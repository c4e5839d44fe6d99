/**
 * Pods that use more of the host's disk than they are allowed (eviction_manager.go localStorageEviction).
 * Pure.
 */
import type { Pod } from '../../model/kube.ts';
import { specContainers } from '../../model/containers.ts';
import { goQuote } from '../../model/go-quote.ts';
import { quantityText } from '../../model/quantity.ts';
import { canonicalText, isMore, isPositive, quantityValue } from '../../model/quantity-text.ts';
import { podListWithOverhead } from '../../model/resource-lists.ts';
import type { FsUse, PodUse } from './usage.ts';

export interface LimitExceeded {
  /** the label of kubelet_evictions */
  readonly signal: 'emptydirfs.limit' | 'ephemeralpodfs.limit' | 'ephemeralcontainerfs.limit';
  readonly message: string;
}

/** Whether a pod has any limit on the host's disk: the others need not be measured. */
export function hasStorageLimit({ spec }: Pod): boolean {
  return (
    (spec.volumes ?? []).some(({ emptyDir }) => isPositive(emptyDir?.sizeLimit)) ||
    specContainers(spec).some(({ resources }) => resources?.limits?.['ephemeral-storage'] !== undefined)
  );
}

/**
 * The first limit that the pod exceeds; the volumes' own come first, then the pod's, then the containers'.
 */
export function exceededLimit(
  pod: Pod,
  use: PodUse,
  { dedicatedImageFs }: { dedicatedImageFs: boolean },
): LimitExceeded | undefined {
  return emptyDirExceeded(pod, use) ?? podExceeded(pod, use) ?? containerExceeded(pod, use, dedicatedImageFs);
}

function emptyDirExceeded(pod: Pod, { volumes }: PodUse): LimitExceeded | undefined {
  for (const { name, emptyDir } of pod.spec.volumes ?? []) {
    const limit = emptyDir?.sizeLimit;
    const used = volumes.get(name);
    if (limit === undefined || used === undefined || !isPositive(limit)) continue;
    if (isMore(used.bytes, limit))
      return {
        signal: 'emptydirfs.limit',
        message: `Usage of EmptyDir volume ${goQuote(name)} exceeds the limit ${goQuote(canonicalText(limit))}. `,
      };
  }
  return undefined;
}

function podExceeded(pod: Pod, use: PodUse): LimitExceeded | undefined {
  const limit = podStorageLimit(pod);
  if (limit === undefined || !isMore(totalUse(pod, use), limit)) return undefined;
  return {
    signal: 'ephemeralpodfs.limit',
    message: `Pod ephemeral local storage usage exceeds the total limit of containers ${limit}. `,
  };
}

function containerExceeded(pod: Pod, use: PodUse, dedicatedImageFs: boolean): LimitExceeded | undefined {
  for (const { name, logs, rootfs } of use.containers) {
    const spec = pod.spec.containers.find((each) => each.name === name);
    const limit = spec?.resources?.limits?.['ephemeral-storage'];
    if (limit === undefined || quantityValue(limit) === 0n) continue;
    const used = (logs?.bytes ?? 0) + (dedicatedImageFs ? 0 : (rootfs?.bytes ?? 0));
    if (isMore(used, limit))
      return {
        signal: 'ephemeralcontainerfs.limit',
        message: `Container ${name} exceeded its local ephemeral storage limit ${goQuote(canonicalText(limit))}. `,
      };
  }
  return undefined;
}

/** Writable layers, logs, and volumes that are kept on the disk. */
function totalUse(pod: Pod, { containers, volumes }: PodUse): number {
  const inMemory = new Set(
    (pod.spec.volumes ?? []).filter(({ emptyDir }) => emptyDir?.medium === 'Memory').map(({ name }) => name),
  );
  const sum = (uses: readonly (FsUse | undefined)[]): number =>
    uses.reduce((total, use) => total + (use?.bytes ?? 0), 0);
  return (
    sum(containers.flatMap(({ rootfs, logs }) => [rootfs, logs])) +
    sum([...volumes].filter(([name]) => !inMemory.has(name)).map(([, use]) => use))
  );
}

/** Of all containers together, or what one init container may use beside the sidecars before it. */
function podStorageLimit(pod: Pod): string | undefined {
  const limit = podListWithOverhead(pod, 'limits').get('ephemeral-storage');
  return limit && quantityText(limit);
}
