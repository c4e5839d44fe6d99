/** What carrying out a pod's actions needs from the rest of farlet, as narrow as it is used. */
import type { HostLink } from '../../hosts/link/link.ts';
import type { RuntimeInfo } from '../../hosts/runtime-host.ts';
import type { CriClient } from '../../hosts/cri/calls.ts';
import type { ContainerType } from '../../model/containers.ts';
import type { ConfigMap, Container, Pod, Secret, Service } from '../../model/kube.ts';
import type { DnsSettings } from './dns.ts';
import type { SubPathMount, VolumeSource } from './mounts.ts';

/** A host's runtime; hosts/runtime-host.ts satisfies it. */
export interface PodHost {
  readonly name: string;
  readonly cri: CriClient;
  readonly link: Pick<HostLink, 'files' | 'dial'>;
  runtime(): RuntimeInfo | undefined;
}

/** Objects by name, as recent as the pod. Rejects with kind `not-found` and the text users are to see. */
export interface ObjectReader {
  configMap(namespace: string, name: string, options: { signal: AbortSignal }): Promise<ConfigMap>;
  secret(namespace: string, name: string, options: { signal: AbortSignal }): Promise<Secret>;
}

export interface ServiceReader {
  /** whether services have been listed once */
  synced(): boolean;
  /** services that pods of the namespace may see: its own and those of `default` */
  services(namespace: string): readonly Service[];
}

/** The host's resolv.conf; undefined where the node is set to use none. */
export type HostDns = (options: { signal: AbortSignal }) => Promise<DnsSettings | undefined>;

/** Makes parts of volumes mountable, safe from links that lead out of them. */
export interface SubPathPreparer {
  /** Host paths by the mounts' index. Rejects with the text users are to see. */
  prepareSubPaths(
    input: {
      readonly pod: Pod;
      readonly container: Container;
      readonly mounts: readonly SubPathMount[];
      readonly volumes: ReadonlyMap<string, VolumeSource>;
    },
    options: { signal: AbortSignal },
  ): Promise<ReadonlyMap<number, string>>;
}

/** Counts for the kubelet's metrics; names as in its metrics/metrics.go. */
export interface RuntimeMetrics {
  /** kubelet_started_pods_total */
  podStarting(): void;
  /** kubelet_started_pods_errors_total */
  podStartFailed(): void;
  /** kubelet_run_podsandbox_duration_seconds and _errors_total */
  sandboxRun(run: {
    readonly runtimeHandler: string;
    readonly seconds: number;
    readonly failed: boolean;
  }): void;
  /** kubelet_started_containers_total */
  containerStarting(type: ContainerType): void;
  /** kubelet_started_containers_errors_total */
  containerStartFailed(type: ContainerType, code: string): void;
  /** kubelet_lifecycle_handler_http_fallbacks_total */
  hookFellBack(): void;
  /** kubelet_sleep_action_terminated_early_total */
  sleepCut(): void;
}
