import type { Pod, PodStatus } from '../../model/kube.ts';
import { storedText } from '../../model/quantity-text.ts';
import { podListWithOverhead } from '../../model/resource-lists.ts';

/**
 * The whole pod's resources, as its status tells them (pkg/kubelet/kubelet_pods.go
 * getEffectiveAllocatedResources, KEP-5419).
 */
export function podResources(pod: Pod): Pick<PodStatus, 'resources' | 'allocatedResources'> {
  const [requests, limits] = [effective(pod, 'requests'), effective(pod, 'limits')];
  return {
    ...(isEmpty(requests) ? {} : { allocatedResources: requests }),
    resources: {
      ...(isEmpty(limits) ? {} : { limits }),
      ...(isEmpty(requests) ? {} : { requests }),
    },
  };
}

function effective(pod: Pod, kind: 'requests' | 'limits'): Record<string, string> {
  return Object.fromEntries(
    [...podListWithOverhead(pod, kind)].map(([name, quantity]) => [name, storedText(quantity)]),
  );
}

function isEmpty(amounts: Readonly<Record<string, string>>): boolean {
  return Object.keys(amounts).length === 0;
}
