import type { HostPaths } from '../../model/paths.ts';

/** What every request to a runtime is built from besides the pod: the node's own configuration. */
export interface RuntimeSettings {
  /** the virtual node's name and the cluster's id, which label all that farlet makes on a host */
  readonly node: string;
  readonly cluster: string;
  /** what stands in the cluster's place on static pods, which run without one */
  readonly staticOwner?: string;
  readonly paths: HostPaths;
  readonly clusterDNS: readonly string[];
  readonly clusterDomain: string;
  /** what pods get for the `kubernetes` service where its own address can't be reached */
  readonly kubernetesService: { readonly host: string; readonly port: number } | undefined;
  /** RuntimeDefault rather than Unconfined for containers that name no seccomp profile */
  readonly seccompDefault: boolean;
  readonly cpuCFSQuota: boolean;
  /** microseconds */
  readonly cpuCFSQuotaPeriod: number;
}

/** What the Linux of a pod's host is like, as far as requests depend on it. */
export interface LinuxHost {
  readonly memoryCapacityBytes: number;
  /** the page sizes as CRI names them: 2MB, 1GB */
  readonly hugePageSizes: readonly string[];
  readonly cgroupVersion: 1 | 2;
  /** whether the kernel accounts swap per cgroup */
  readonly swapController: boolean;
  readonly selinux: boolean;
  /** numbers of the CPUs with a thermal_throttle folder, which containers must not see */
  readonly thermalThrottleCpus: readonly number[];
}
