import type { ImageSpec } from '../../hosts/cri/generated/runtime/v1/ImageSpec.ts';
import type { PodSandboxConfig } from '../../hosts/cri/generated/runtime/v1/PodSandboxConfig.ts';
import type { Fetched } from '../spec/env-entry.ts';
import type { Prefetched } from './prefetched.ts';
import type { PodSyncInput } from './sync-input.ts';

/** The sandbox that containers are started in. */
export interface ReadySandbox {
  readonly id: string;
  readonly config: PodSandboxConfig;
  /** the pod's addresses: the node's for a pod on the host's network */
  readonly ips: readonly string[];
  /** made by this sync, not found */
  readonly isNew: boolean;
}

/** What the containers of one sync share. */
export interface StartContext extends Pick<
  PodSyncInput,
  'pod' | 'state' | 'volumes' | 'pullSecrets' | 'runtimeHandler'
> {
  readonly sandbox: ReadySandbox;
  /** by volume name; one that failed fails only the containers that mount it */
  readonly imageVolumes: ReadonlyMap<string, Fetched<ImageSpec>>;
  readonly prefetched: Prefetched;
}
