import type { Pod, Secret } from '../../model/kube.ts';
import type { PodActions } from '../../model/pod-actions.ts';
import type { ResizePlan } from '../../model/resource-amounts.ts';
import type { ObservedSandbox, PodRuntimeState } from '../../model/runtime-state.ts';
import type { VolumeSource } from '../spec/mounts.ts';

/** What one sync of a pod is to do, everything it takes already resolved. */
export interface PodSyncInput {
  readonly pod: Pod;
  readonly state: PodRuntimeState;
  readonly actions: PodActions;
  /** running containers whose resources change */
  readonly resize?: ResizePlan | undefined;
  /** the pod's volumes, mounted, by name */
  readonly volumes: ReadonlyMap<string, VolumeSource>;
  readonly pullSecrets: readonly Secret[];
  /** "" is the runtime's default */
  readonly runtimeHandler: string;
  /** A new sandbox has its network; called before images are pulled, and waited for. */
  readonly onSandboxReady?: (sandbox: ObservedSandbox, ips: readonly string[]) => Promise<void> | void;
  /**
   * Takes work that no step of the sync waits for (links to logs) and that never rejects. The caller must
   * wait for it before the next sync. Absent: the sync waits.
   */
  readonly alongside?: (work: Promise<void>) => void;
}
