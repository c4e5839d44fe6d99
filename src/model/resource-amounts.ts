/**
 * The part of a container's resources that can be changed while it runs, as amounts (kuberuntime_manager.go).
 * Pure.
 */
import type { Container, Pod, ResourceRequirements } from './kube.ts';
import { quantityMilli, quantityValue } from './quantity-text.ts';

/** CPU in thousandths, memory in bytes; 0 where nothing is set. */
export interface ResourceAmounts {
  readonly cpuRequest: bigint;
  readonly cpuLimit: bigint;
  readonly memoryRequest: bigint;
  readonly memoryLimit: bigint;
}

export function requirementAmounts(requirements: ResourceRequirements | undefined): ResourceAmounts {
  return {
    cpuRequest: quantityMilli(requirements?.requests?.cpu),
    cpuLimit: quantityMilli(requirements?.limits?.cpu),
    memoryRequest: quantityValue(requirements?.requests?.memory),
    memoryLimit: quantityValue(requirements?.limits?.memory),
  };
}

/** A container without a limit of its own has the pod's. */
export function containerAmounts(pod: Pod, container: Container): ResourceAmounts {
  const own = requirementAmounts(container.resources);
  const ofPod = requirementAmounts(pod.spec.resources);
  return {
    ...own,
    cpuLimit: own.cpuLimit > 0n ? own.cpuLimit : ofPod.cpuLimit,
    memoryLimit: own.memoryLimit > 0n ? own.memoryLimit : ofPod.memoryLimit,
  };
}

export function sameAmounts(a: ResourceAmounts, b: ResourceAmounts): boolean {
  return (
    a.cpuRequest === b.cpuRequest &&
    a.cpuLimit === b.cpuLimit &&
    a.memoryRequest === b.memoryRequest &&
    a.memoryLimit === b.memoryLimit
  );
}

/** One running container whose resources are to change without a restart. */
export interface ContainerResize {
  readonly container: Container;
  readonly id: string;
  readonly current: ResourceAmounts;
  readonly desired: ResourceAmounts;
}

/** What a resize is to do, resource by resource: what shrinks comes before what grows. */
export interface ResizePlan {
  readonly memory: readonly ContainerResize[];
  readonly cpu: readonly ContainerResize[];
  /**
   * The pod's own group changes although none of its running containers may: one is restarted, or the pod's
   * sum is its own.
   */
  readonly podChanges: boolean;
}
