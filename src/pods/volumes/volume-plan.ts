/** Which of a pod's volumes are to be made ready, and as what (pkg/volume plugins). Pure. */
import { podContainers } from '../../model/containers.ts';
import { FarletError } from '../../model/errors.ts';
import { goQuote } from '../../model/go-quote.ts';
import type { Pod, Volume } from '../../model/kube.ts';
import { volumeDeviceDir, volumeDir, type HostPaths } from '../../model/paths.ts';
import type { BoundVolume } from './claims.ts';
import { inlineDriver, persistentDriver } from './csi.ts';
import { persistentMountOptions } from './mount-options.ts';

/** What a volume is made as. `path` is where it lies on the host. */
export type VolumeWork =
  | {
      readonly kind: 'empty-dir';
      readonly path: string;
      readonly medium: string;
      readonly sizeLimit: string | undefined;
    }
  | {
      readonly kind: 'host-path';
      readonly path: string;
      readonly type: string;
      readonly readOnly: boolean;
    }
  | {
      readonly kind: 'configmap' | 'secret' | 'downward-api' | 'projected';
      readonly path: string;
      readonly volume: Volume;
    }
  | {
      readonly kind: 'nfs';
      readonly path: string;
      readonly server: string;
      readonly exportPath: string;
      readonly readOnly: boolean;
      readonly mountOptions: readonly string[];
    }
  | {
      readonly kind: 'local';
      readonly path: string;
      readonly source: string;
      readonly readOnly: boolean;
      readonly mountOptions: readonly string[];
    }
  /** a block device as it is, linked at `path` */
  | {
      readonly kind: 'local-block';
      readonly path: string;
      readonly source: string;
      readonly readOnly: boolean;
    }
  /** the runtime mounts it itself (CRI Mount.image) */
  | { readonly kind: 'image' }
  /** needs a driver that no farlet node has; never becomes ready */
  | { readonly kind: 'csi'; readonly driver: string; readonly persistent: boolean; readonly block: boolean };

export interface PlannedVolume {
  /** the pod's name for it */
  readonly name: string;
  /** the PersistentVolume's name, else the pod's: in paths and messages */
  readonly specName: string;
  /** as in metrics, e.g. kubernetes.io/empty-dir */
  readonly plugin: string;
  readonly work: VolumeWork;
  readonly bound: BoundVolume | undefined;
}

export interface UsedVolume {
  readonly volume: Volume;
  readonly mounted: boolean;
  readonly mapped: boolean;
}

/** Only what some container mounts or maps: an object that nobody uses holds nothing up. */
export function usedVolumes(pod: Pod): UsedVolume[] {
  const containers = podContainers(pod);
  const mounts = new Set(containers.flatMap(({ spec }) => (spec.volumeMounts ?? []).map(({ name }) => name)));
  const devices = new Set(
    containers.flatMap(({ spec }) => (spec.volumeDevices ?? []).map(({ name }) => name)),
  );
  return (pod.spec.volumes ?? [])
    .map((volume) => ({ volume, mounted: mounts.has(volume.name), mapped: devices.has(volume.name) }))
    .filter(({ mounted, mapped }) => mounted || mapped);
}

/**
 * `bound` is what a claim led to. Throws FarletError `unimplemented` for a kind that farlet knows no way to
 * make.
 */
export function planVolume(
  pod: Pod,
  volume: Volume,
  { paths, bound }: { paths: HostPaths; bound: BoundVolume | undefined },
): PlannedVolume {
  const specName = bound?.volume.metadata?.name ?? volume.name;
  const path = (plugin: string): string =>
    volumeDir(paths, pod.metadata.uid, `kubernetes.io~${plugin}`, specName);
  const { plugin, work } =
    bound === undefined
      ? inlineWork(volume, path)
      : persistentWork(bound, {
          path,
          devices: volumeDeviceDir(paths, pod.metadata.uid, 'kubernetes.io~local-volume'),
        });
  return { name: volume.name, specName, plugin: `kubernetes.io/${plugin}`, work, bound };
}

interface Plan {
  readonly plugin: string;
  readonly work: VolumeWork;
}

function inlineWork(volume: Volume, path: (plugin: string) => string): Plan {
  const { hostPath, nfs } = volume;
  // a volume of no kind is an emptyDir, which the API server fills in and a manifest need not
  const emptyDir = volume.emptyDir ?? (Object.keys(volume).length === 1 ? {} : undefined);
  if (emptyDir !== undefined) {
    const { medium = '', sizeLimit } = emptyDir;
    return { plugin: 'empty-dir', work: { kind: 'empty-dir', path: path('empty-dir'), medium, sizeLimit } };
  }
  if (hostPath !== undefined) {
    const work = {
      kind: 'host-path',
      path: hostPath.path,
      type: hostPath.type ?? '',
      readOnly: false,
    } as const;
    return { plugin: 'host-path', work };
  }
  if (nfs !== undefined) {
    const { server, path: exportPath, readOnly = false } = nfs;
    const work = { kind: 'nfs', path: path('nfs'), server, exportPath, readOnly, mountOptions: [] } as const;
    return { plugin: 'nfs', work };
  }
  for (const [key, kind] of written)
    if (volume[key] !== undefined) return { plugin: kind, work: { kind, path: path(kind), volume } };
  if (volume.image !== undefined) return { plugin: 'image', work: { kind: 'image' } };
  const driver = inlineDriver(volume);
  if (driver !== undefined)
    return { plugin: `csi:${driver}`, work: { kind: 'csi', driver, persistent: false, block: false } };
  throw unknown(volume.name, Object.keys(volume).find((key) => key !== 'name') ?? '');
}

const written = [
  ['configMap', 'configmap'],
  ['secret', 'secret'],
  ['downwardAPI', 'downward-api'],
  ['projected', 'projected'],
] as const;

function persistentWork(
  { volume, readOnly }: BoundVolume,
  { path, devices }: { path: (plugin: string) => string; devices: string },
): Plan {
  const { hostPath, local, nfs, volumeMode } = volume.spec ?? {};
  const name = volume.metadata?.name ?? '';
  const block = volumeMode === 'Block';
  const mountOptions = persistentMountOptions(volume);
  const driver = persistentDriver(volume);
  if (driver !== undefined)
    return { plugin: `csi:${driver}`, work: { kind: 'csi', driver, persistent: true, block } };
  if (local !== undefined && block) {
    const work = { kind: 'local-block', path: `${devices}/${name}`, source: local.path, readOnly } as const;
    return { plugin: 'local-volume', work };
  }
  if (local !== undefined) {
    const work = {
      kind: 'local',
      path: path('local-volume'),
      source: local.path,
      readOnly,
      mountOptions,
    } as const;
    return { plugin: 'local-volume', work };
  }
  if (hostPath !== undefined && !block) {
    const work = { kind: 'host-path', path: hostPath.path, type: hostPath.type ?? '', readOnly } as const;
    return { plugin: 'host-path', work };
  }
  if (nfs !== undefined && !block) {
    const { server, path: exportPath } = nfs;
    const work = { kind: 'nfs', path: path('nfs'), server, exportPath, readOnly, mountOptions } as const;
    return { plugin: 'nfs', work };
  }
  throw unknown(name, `${block ? 'block ' : ''}${sourceOf(volume.spec ?? {})}`);
}

const notSources = new Set(
  'accessModes capacity claimRef mountOptions nodeAffinity persistentVolumeReclaimPolicy storageClassName volumeAttributesClassName volumeMode'.split(
    ' ',
  ),
);

function sourceOf(spec: object): string {
  return Object.keys(spec).find((key) => !notSources.has(key)) ?? 'empty';
}

function unknown(name: string, source: string): FarletError {
  return new FarletError(
    'unimplemented',
    `failed to get Plugin from volumeSpec for volume ${goQuote(name)} err=no volume plugin matched: farlet does not support ${source} volumes`,
  );
}
