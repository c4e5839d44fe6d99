/** In which order pods go when something is short (pkg/kubelet/eviction/helpers.go rank…Pressure). Pure. */
import type { DiskLayout } from '../../hosts/disk-layout-reader.ts';
import type { EvictionSignal } from '../../model/eviction-thresholds.ts';
import type { Pod } from '../../model/kube.ts';
import { amountsOf, podList, resourceList } from '../../model/resource-lists.ts';
import { resourceOf } from './signals.ts';
import type { FsUse, PodUse, UseOf } from './usage.ts';

type Disks = Pick<DiskLayout, 'imageFs' | 'split'>;
type Compare = (a: Pod, b: Pod) => number;
type Part = 'rootfs' | 'logs' | 'volumes';

/** First to go first. Pods of which nothing is known go before all others. */
export function rankPods(
  pods: readonly Pod[],
  useOf: UseOf,
  { signal, layout }: { signal: EvictionSignal; layout: Disks },
): Pod[] {
  const compare = comparators(useOf, signal, layout);
  return pods.toSorted((a, b) => {
    for (const each of compare) {
      const order = each(a, b);
      if (order !== 0) return order;
    }
    return 0;
  });
}

function comparators(useOf: UseOf, signal: EvictionSignal, layout: Disks): Compare[] {
  const resource = resourceOf(signal);
  if (resource === 'pids') return [byPriority, mostFirst(useOf, (use) => whole(use.processes ?? 0))];
  if (resource === 'memory') {
    const beyond = (use: PodUse, pod: Pod): bigint => whole(use.memoryBytes ?? 0) - requested(pod, 'memory');
    return [exceedingFirst(useOf, (use, pod) => beyond(use, pod) > 0n), byPriority, mostFirst(useOf, beyond)];
  }
  const parts = countedParts(signal, layout);
  const used = (use: PodUse, pod: Pod): bigint => {
    const { bytes, inodes } = diskUse(use, pod, parts);
    return whole(resource === 'inodes' ? inodes : bytes);
  };
  const request = (pod: Pod): bigint => requested(pod, 'ephemeral-storage');
  return [
    exceedingFirst(useOf, (use, pod) => used(use, pod) > (resource === 'inodes' ? 0n : request(pod))),
    byPriority,
    // the kubelet takes the request for bytes off inodes as well
    mostFirst(useOf, (use, pod) => used(use, pod) - request(pod)),
  ];
}

/**
 * What a pod's use is held against (pkg/api/v1/resource GetResourceRequestQuantity). A pod that asks for
 * something as a whole is judged by that alone; overhead comes on top of a request, and is none by itself.
 */
function requested(pod: Pod, resource: string): bigint {
  const whole: Pod = { ...pod, spec: { ...pod.spec, containers: [], initContainers: [] } };
  const isWhole = podList(whole, 'requests').size + podList(whole, 'limits').size > 0;
  const total = amountsOf(podList(isWhole ? whole : pod, 'requests')).get(resource) ?? 0n;
  return total === 0n ? 0n : total + (amountsOf(resourceList(pod.spec.overhead)).get(resource) ?? 0n);
}

/** What of a pod is on the file system that is short. */
function countedParts(signal: EvictionSignal, { imageFs, split }: Disks): readonly Part[] {
  if (imageFs === undefined) return ['rootfs', 'logs', 'volumes'];
  const onImageFs = signal.startsWith('imagefs.');
  if (split) return onImageFs ? [] : ['rootfs', 'logs', 'volumes'];
  return onImageFs || signal.startsWith('containerfs.') ? ['rootfs'] : ['logs', 'volumes'];
}

function diskUse(use: PodUse, pod: Pod, parts: readonly Part[]): FsUse {
  const local = new Set(
    (pod.spec.volumes ?? [])
      .filter(
        ({ emptyDir, configMap }) =>
          (emptyDir !== undefined && (emptyDir.medium ?? '') === '') || configMap !== undefined,
      )
      .map(({ name }) => name),
  );
  const found = [
    ...use.containers.flatMap(({ rootfs, logs }) => [
      parts.includes('rootfs') ? rootfs : undefined,
      parts.includes('logs') ? logs : undefined,
    ]),
    ...(parts.includes('volumes') ? [...use.volumes].filter(([name]) => local.has(name)) : []).map(
      ([, each]) => each,
    ),
  ].filter((each) => each !== undefined);
  return {
    bytes: found.reduce((sum, { bytes }) => sum + bytes, 0),
    inodes: found.reduce((sum, { inodes }) => sum + inodes, 0),
  };
}

function byPriority(a: Pod, b: Pod): number {
  return (a.spec.priority ?? 0) - (b.spec.priority ?? 0);
}

function exceedingFirst(useOf: UseOf, exceeds: (use: PodUse, pod: Pod) => boolean): Compare {
  return (a, b) => {
    const [useA, useB] = [useOf(a.metadata.uid), useOf(b.metadata.uid)];
    if (useA === undefined || useB === undefined) return trueFirst(useA === undefined, useB === undefined);
    return trueFirst(exceeds(useA, a), exceeds(useB, b));
  };
}

function mostFirst(useOf: UseOf, amount: (use: PodUse, pod: Pod) => bigint): Compare {
  return (a, b) => {
    const [useA, useB] = [useOf(a.metadata.uid), useOf(b.metadata.uid)];
    if (useA === undefined || useB === undefined) return trueFirst(useA === undefined, useB === undefined);
    const [first, second] = [amount(useA, a), amount(useB, b)];
    return first === second ? 0 : first > second ? -1 : 1;
  };
}

/** What was measured, as amounts are. */
function whole(measured: number): bigint {
  return Number.isFinite(measured) ? BigInt(Math.trunc(measured)) : 0n;
}

function trueFirst(a: boolean, b: boolean): number {
  return Number(b) - Number(a);
}
