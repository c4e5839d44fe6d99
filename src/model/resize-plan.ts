import type { Container } from './kube.ts';
import type { ResourceAmounts } from './resource-amounts.ts';

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
  /** the pod's own group changes although none of its running containers may: one is restarted, or the pod's sum is its own */
  readonly podChanges: boolean;
}
