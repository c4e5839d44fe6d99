import type { EventRecorder } from '../../model/events.ts';
import type { ObjectReference, Pod } from '../../model/kube.ts';
import type { Log } from '../../model/log.ts';
import type { NodeInfo } from '../../model/node-info.ts';
import type { Told } from '../../model/runtime-state.ts';
import type { Clock } from '../../util/clock.ts';
import type { ImagePuller } from '../images/image-puller.ts';
import type {
  HostDns,
  ObjectReader,
  PodHost,
  RuntimeMetrics,
  ServiceReader,
  SubPathPreparer,
} from '../spec/providers.ts';
import type { PodResizer } from '../resize/pod-resizer.ts';
import type { RestartBackoff } from '../decide/restart-backoff.ts';
import type { LinuxHost, RuntimeSettings } from '../spec/runtime-settings.ts';
import type { HookRunner } from '../stop/hook-runner.ts';
import type { ContainerKiller } from '../stop/container-killer.ts';
import type { StartPermits } from './start-permits.ts';

/** What runtime/pod/pod-runtime.ts is made of: one host, one virtual node. */
export interface PodRuntimeOptions {
  readonly host: PodHost;
  readonly settings: RuntimeSettings;
  readonly linuxHost: () => LinuxHost;
  readonly node: () => NodeInfo;
  readonly nodeReference: ObjectReference;
  readonly images: Pick<ImagePuller, 'ask' | 'ensureImage'>;
  readonly objects: ObjectReader;
  readonly services: ServiceReader;
  readonly hostDns: HostDns;
  readonly subPaths: SubPathPreparer;
  readonly hooks: HookRunner;
  readonly killer: ContainerKiller;
  readonly restarts: Pick<RestartBackoff, 'next'>;
  readonly events: EventRecorder;
  readonly metrics: RuntimeMetrics;
  readonly told: Told;
  /** paces the calls that start pods */
  readonly starts: Pick<StartPermits, 'run'>;
  readonly clock: Pick<Clock, 'now' | 'monotonic' | 'sleep'>;
  readonly log: Log;
  /** the pod's cgroup; undefined where the runtime places pods itself */
  readonly cgroupParent?: (pod: Pod) => string | undefined;
  readonly resizer?: Pick<PodResizer, 'resize'>;
  readonly cpus?: ContainerCpus;
}

/** Which CPUs containers are made with, where CPUs are managed. */
export interface ContainerCpus {
  cpusFor(pod: Pod, container: string): { readonly cpus: string; readonly exclusive: boolean } | undefined;
  hasExclusive(pod: Pod, container?: string): boolean;
}
