/** What the handlers of the kubelet API need of a host of the node. */
import type { Host } from '../../hosts/host.ts';
import type { Pod, PodStatus } from '../../model/kube.ts';
import type { PodRuntimeState } from '../../model/runtime-state.ts';

export interface PodHost {
  readonly host: Host;
  /** the pods that are bound to the host */
  readonly table: {
    find(namespace: string, name: string): Pod | undefined;
    all(): readonly Pod[];
  };
  /** what the runtime was last seen to hold */
  readonly cache: {
    get(uid: string): PodRuntimeState | undefined;
    states(): readonly PodRuntimeState[];
  };
  /** the newest status of a pod, whether or not the API server has it */
  readonly status: { current(uid: string): PodStatus | undefined };
  /** the mirror of a static pod on the API server */
  mirrorOf(pod: Pod): Pod | undefined;
}
