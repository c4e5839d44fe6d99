/**
 * Where a pod's files are on its host: the kubelet's layout under rootDir (pkg/kubelet/kubelet_getters.go).
 */
export interface HostPaths {
  /** config rootDir, e.g. /var/lib/farlet */
  readonly rootDir: string;
  /** config podLogsDir, e.g. /var/log/pods */
  readonly podLogsDir: string;
  /** folder of the `<pod>_<namespace>_<container>-<id>.log` links: beside podLogsDir, named containers */
  readonly containerLogsDir: string;
}

export function podsDir(paths: HostPaths): string {
  return `${paths.rootDir}/pods`;
}

export function podDir(paths: HostPaths, uid: string): string {
  return `${podsDir(paths)}/${uid}`;
}

/** `plugin` in its escaped form, e.g. kubernetes.io~empty-dir */
export function volumeDir(paths: HostPaths, uid: string, plugin: string, volume: string): string {
  return `${podDir(paths, uid)}/volumes/${plugin}/${volume}`;
}

/** Where block volumes are linked. */
export function volumeDeviceDir(paths: HostPaths, uid: string, plugin: string): string {
  return `${podDir(paths, uid)}/volumeDevices/${plugin}`;
}

/** Where a part of a volume is bound for the container's mount at `index`. */
export function subPathTarget(
  paths: HostPaths,
  mount: { uid: string; volume: string; container: string; index: number },
): string {
  return `${podDir(paths, mount.uid)}/volume-subpaths/${mount.volume}/${mount.container}/${mount.index}`;
}

export function containerDir(paths: HostPaths, uid: string, container: string): string {
  return `${podDir(paths, uid)}/containers/${container}`;
}

export function etcHostsPath(paths: HostPaths, uid: string): string {
  return `${podDir(paths, uid)}/etc-hosts`;
}

export function podLogDir(paths: HostPaths, pod: { uid: string; name: string; namespace: string }): string {
  return `${paths.podLogsDir}/${pod.namespace}_${pod.name}_${pod.uid}`;
}
