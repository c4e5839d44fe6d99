/** Why a pod was evicted, in the kubelet's words (pkg/kubelet/eviction/helpers.go evictionMessage). Pure. */
import { thresholdAmountOf, type EvictionThreshold } from '../model/eviction-thresholds.ts';
import type { Pod } from '../model/kube.ts';
import { quantityValue } from '../model/quantity.ts';
import { binaryText, canonicalText, decimalText } from '../model/quantity-text.ts';
import { resourceOf, type Observations, type StarvedResource } from './signals.ts';
import type { ContainerUse, PodUse } from './usage.ts';

export function evictionMessage(
  pod: Pod,
  use: PodUse | undefined,
  of: {
    readonly resource: StarvedResource;
    readonly thresholds: readonly EvictionThreshold[];
    readonly observations: Observations;
  },
): string {
  const { resource } = of;
  const parts = [`The node was low on resource: ${resource}. `, thresholdText(of)];
  if (use !== undefined) parts.push(podText(pod, use, resource), ...containerTexts(pod, use, resource));
  return parts.join('');
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

function podText(pod: Pod, { memoryBytes }: PodUse, resource: StarvedResource): string {
  const request = pod.spec.resources?.requests?.memory;
  if (resource !== 'memory' || request === undefined || memoryBytes === undefined) return '';
  return larger('Pod', pod.metadata.name, { used: memoryBytes, request, resource });
}

function containerTexts(pod: Pod, { containers }: PodUse, resource: StarvedResource): string[] {
  const specs = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
  return containers.map((use) => {
    const spec = specs.find(({ name }) => name === use.name);
    const used = usedOf(use, resource);
    if (spec === undefined || used === undefined) return '';
    const request = spec.resources?.requests?.[resource] ?? '0';
    return used > quantityValue(request) ? larger('Container', use.name, { used, request, resource }) : '';
  });
}

function usedOf({ memoryBytes, rootfs, logs }: ContainerUse, resource: StarvedResource): number | undefined {
  if (resource === 'memory') return memoryBytes;
  if (resource !== 'ephemeral-storage' || rootfs === undefined || logs === undefined) return undefined;
  return rootfs.bytes + logs.bytes;
}

function larger(
  what: 'Pod' | 'Container',
  name: string,
  { used, request, resource }: { used: number; request: string; resource: StarvedResource },
): string {
  return `${what} ${name} was using ${binaryText(used)}, request is ${canonicalText(request)}, has larger consumption of ${resource}. `;
}
