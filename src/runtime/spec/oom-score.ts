import { isSidecar } from '../../model/containers.ts';
import { FarletError } from '../../model/errors.ts';
import type { Container, Pod } from '../../model/kube.ts';
import { annotations } from '../../model/labels.ts';
import { podQosClass } from '../../model/pod-qos.ts';
import { quantityValue } from '../../model/quantity-text.ts';
import { podTotal } from '../../model/pod-requests.ts';

const guaranteed = -997;
const bestEffort = 1000;
const systemCriticalPriority = 2_000_000_000;

/**
 * Who dies first when the host's memory is gone: pkg/kubelet/qos/policy.go. The less of the host a burstable
 * container asked for, the sooner. Throws FarletError `unavailable` while the host's memory is not known.
 */
export function oomScoreAdj(pod: Pod, container: Container, memoryCapacityBytes: number): number {
  const qos = podQosClass(pod);
  if (isNodeCritical(pod) || qos === 'Guaranteed') return guaranteed;
  if (qos === 'BestEffort') return bestEffort;
  if (memoryCapacityBytes <= 0)
    throw new FarletError('unavailable', "the memory capacity of the pod's host is not known");
  const capacity = BigInt(Math.trunc(memoryCapacityBytes));
  const score = (bytes: bigint): number => 1000 - Number((1000n * bytes) / capacity);
  const shared = unallocatedShare(pod);
  let adjusted = score(memoryRequest(container) + shared);
  if (isSidecar(container)) {
    const [first = 0n, ...others] = pod.spec.containers.map(memoryRequest);
    const least = others.reduce((so, bytes) => (bytes < so ? bytes : so), first);
    adjusted = Math.min(adjusted, score(least + shared));
  }
  return Math.min(bestEffort - 1, Math.max(1000 + guaranteed, adjusted));
}

/** What the pod asks for beyond its containers' requests counts in equal parts for each of them. */
function unallocatedShare(pod: Pod): bigint {
  const ofPod = pod.spec.resources?.requests?.memory;
  if (quantityValue(ofPod) === 0n) return 0n;
  const { resources: _, ...rest } = pod.spec;
  const ofContainers = podTotal({ ...pod, spec: rest }, 'requests', 'memory') ?? 0n;
  const containers = pod.spec.containers.length + (pod.spec.initContainers?.length ?? 0);
  return (quantityValue(ofPod) - ofContainers) / BigInt(containers);
}

function memoryRequest(container: Container): bigint {
  return quantityValue(container.resources?.requests?.memory);
}

function isNodeCritical(pod: Pod): boolean {
  const source = pod.metadata.annotations?.[annotations.configSource];
  const fixed =
    (source !== undefined && source !== 'api') ||
    pod.metadata.annotations?.[annotations.configMirror] !== undefined;
  return (
    (fixed || (pod.spec.priority ?? 0) >= systemCriticalPriority) &&
    pod.spec.priorityClassName === 'system-node-critical'
  );
}
