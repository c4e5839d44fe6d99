/** Why a pod was evicted, in the kubelet's words (pkg/kubelet/eviction/helpers.go evictionMessage). Pure. */
import { specContainers } from '../../model/containers.ts';
import { thresholdAmountOf, type EvictionThreshold } from '../../model/eviction-thresholds.ts';
import type { Pod } from '../../model/kube.ts';
import { binaryText, canonicalText, decimalText, isMore } from '../../model/quantity-text.ts';
import { resourceOf, type Observations, type StarvedResource } from './signals.ts';
import type { ContainerUse, PodUse } from './usage.ts';

export interface EvictionMessage {
  /** of the event, of the pod's status and of its condition */
  readonly message: string;
  /** of the event */
  readonly annotations: Readonly<Record<string, string>>;
}

export function evictionMessage(
  pod: Pod,
  use: PodUse | undefined,
  shortage: {
    readonly resource: StarvedResource;
    readonly thresholds: readonly EvictionThreshold[];
    readonly observations: Observations;
  },
): EvictionMessage {
  const { resource } = shortage;
  const node = `The node was low on resource: ${resource}. ${thresholdText(shortage)}`;
  if (use === undefined) return { message: node, annotations: {} };
  const offendingPod = podOffence(pod, use, resource);
  const containers = containerOffences(pod, use, resource);
  return {
    message: node + [...offendingPod, ...containers].map(({ text }) => text).join(''),
    annotations: {
      ...Object.fromEntries(
        offendingPod.flatMap(({ name, used }) => [
          ['offending_pod', name],
          ['offending_pod_usage', used],
        ]),
      ),
      offending_containers: containers.map(({ name }) => name).join(),
      offending_containers_usage: containers.map(({ used }) => used).join(),
      starved_resource: resource,
    },
  };
}

function thresholdText({
  resource,
  thresholds,
  observations,
}: Parameters<typeof evictionMessage>[2]): string {
  for (const { signal, value } of thresholds) {
    const seen = observations.get(signal);
    if (resourceOf(signal) !== resource || seen === undefined) continue;
    const counts = resource === 'inodes' || resource === 'pids';
    const computed = thresholdAmountOf(value, seen.capacity);
    // a percentage becomes a binary quantity, whatever it is a part of
    const quantity = value.kind === 'amount' ? canonicalText(value.text) : binaryText(computed);
    const available = counts ? decimalText(seen.available) : binaryText(seen.available);
    return `Threshold quantity: ${quantity}, available: ${available}. `;
  }
  return '';
}

/** Somebody who uses more than was asked for, how much that is, and the words for it. */
interface Offence {
  readonly name: string;
  readonly used: string;
  readonly text: string;
}

/** None or one: a pod that asks for memory as a whole is always named with what it uses. */
function podOffence(pod: Pod, { memoryBytes }: PodUse, resource: StarvedResource): Offence[] {
  const request = pod.spec.resources?.requests?.memory;
  if (resource !== 'memory' || request === undefined || memoryBytes === undefined) return [];
  return [offence('Pod', pod.metadata.name, { used: memoryBytes, request, resource })];
}

function containerOffences(pod: Pod, { containers }: PodUse, resource: StarvedResource): Offence[] {
  const specs = specContainers(pod.spec);
  return containers.flatMap((use) => {
    const spec = specs.find(({ name }) => name === use.name);
    const used = usedOf(use, resource);
    if (spec === undefined || used === undefined) return [];
    const request = spec.resources?.requests?.[resource] ?? '0';
    return isMore(used, request) ? [offence('Container', use.name, { used, request, resource })] : [];
  });
}

function usedOf({ memoryBytes, rootfs, logs }: ContainerUse, resource: StarvedResource): number | undefined {
  if (resource === 'memory') return memoryBytes;
  if (resource !== 'ephemeral-storage' || rootfs === undefined || logs === undefined) return undefined;
  return rootfs.bytes + logs.bytes;
}

function offence(
  what: 'Pod' | 'Container',
  name: string,
  { used, request, resource }: { used: number; request: string; resource: StarvedResource },
): Offence {
  const amount = binaryText(used);
  const text = `${what} ${name} was using ${amount}, request is ${canonicalText(request)}, has larger consumption of ${resource}. `;
  return { name, used: amount, text };
}
