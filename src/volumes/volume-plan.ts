/** Which of a pod's volumes are to be made ready, and as what (pkg/volume plugins). Pure. */
import { podContainers } from '../model/containers.ts';
import type { Pod, Volume } from '../model/kube.ts';
import { quantityValue } from '../model/quantity.ts';
import { volumeDir, type HostPaths } from '../model/paths.ts';

export type PlannedVolume =
  | {
      readonly kind: 'empty-dir';
      readonly name: string;
      readonly path: string;
      readonly memory: boolean;
      readonly sizeBytes: number | undefined;
    }
  | { readonly kind: 'host-path'; readonly name: string; readonly path: string; readonly type: string }
  | {
      readonly kind: 'configmap' | 'secret' | 'downward-api' | 'projected';
      readonly name: string;
      readonly path: string;
      readonly volume: Volume;
      readonly tmpfs: boolean;
    }
  /** the runtime mounts it itself (CRI Mount.image) */
  | { readonly kind: 'image'; readonly name: string }
  | { readonly kind: 'unsupported'; readonly name: string; readonly reason: string };

/** Only what some container mounts: an object that nobody mounts holds nothing up. */
export function plannedVolumes(pod: Pod, paths: HostPaths, nodeMemoryBytes: number): PlannedVolume[] {
  const mounted = new Set(
    podContainers(pod).flatMap(({ spec }) => (spec.volumeMounts ?? []).map(({ name }) => name)),
  );
  return (pod.spec.volumes ?? [])
    .filter(({ name }) => mounted.has(name))
    .map((volume) => planned(pod, volume, { paths, nodeMemoryBytes }));
}

function planned(
  pod: Pod,
  volume: Volume,
  { paths, nodeMemoryBytes }: { paths: HostPaths; nodeMemoryBytes: number },
): PlannedVolume {
  const { name } = volume;
  const path = (plugin: string): string =>
    volumeDir(paths, pod.metadata.uid, `kubernetes.io~${plugin}`, name);
  if (volume.emptyDir !== undefined) {
    const { medium = '', sizeLimit } = volume.emptyDir;
    if (medium !== '' && medium !== 'Memory')
      return { kind: 'unsupported', name, reason: `emptyDir medium ${medium} is not supported by farlet` };
    return {
      kind: 'empty-dir',
      name,
      path: path('empty-dir'),
      memory: medium === 'Memory',
      sizeBytes: medium === 'Memory' ? memorySize(pod, sizeLimit, nodeMemoryBytes) : undefined,
    };
  }
  if (volume.hostPath !== undefined)
    return { kind: 'host-path', name, path: volume.hostPath.path, type: volume.hostPath.type ?? '' };
  if (volume.configMap !== undefined)
    return { kind: 'configmap', name, path: path('configmap'), volume, tmpfs: false };
  if (volume.secret !== undefined) return { kind: 'secret', name, path: path('secret'), volume, tmpfs: true };
  if (volume.downwardAPI !== undefined)
    return { kind: 'downward-api', name, path: path('downward-api'), volume, tmpfs: true };
  if (volume.projected !== undefined)
    return { kind: 'projected', name, path: path('projected'), volume, tmpfs: true };
  if (volume.image !== undefined) return { kind: 'image', name };
  const source = Object.keys(volume).find((key) => key !== 'name') ?? 'nothing';
  return {
    kind: 'unsupported',
    name,
    reason: `no volume plugin matched: farlet does not support ${source} volumes`,
  };
}

/** The least of node memory, the pod's memory limit and the volume's own (emptydir.go calculateEmptyDirMemorySize). */
function memorySize(pod: Pod, sizeLimit: string | undefined, nodeMemoryBytes: number): number {
  const limits = pod.spec.containers.map(({ resources }) => resources?.limits?.memory);
  const podLimit = limits.every((limit) => limit !== undefined)
    ? limits.reduce((sum, limit) => sum + quantityValue(limit), 0)
    : 0;
  const candidates = [nodeMemoryBytes, podLimit, quantityValue(sizeLimit)].filter((bytes) => bytes > 0);
  return Math.min(...candidates);
}
