/** A container's mounts: makeMounts in pkg/kubelet/kubelet_pods.go and kuberuntime_container.go. */
import type { ImageSpec } from '../../hosts/cri/generated/runtime/v1/ImageSpec.ts';
import type { Mount } from '../../hosts/cri/generated/runtime/v1/Mount.ts';
import { FarletError } from '../../model/errors.ts';
import { goQuote } from '../../model/go-quote.ts';
import { representable } from '../../model/go-string.ts';
import type { Container, VolumeMount } from '../../model/kube.ts';
import type { EnvEntry } from './env-entry.ts';
import { expand } from '../../model/expansion.ts';

/** A volume that is ready on the host: a path there, or an image that the runtime itself mounts. */
export interface VolumeSource {
  readonly hostPath: string;
  /** configMap, secret, projected and downwardAPI always are */
  readonly readOnly: boolean;
  /** made by farlet, so that its SELinux label may be changed */
  readonly managed?: boolean;
  /** not farlet's own: who serves it may fall silent */
  readonly mayHang?: boolean;
  /** its name in paths on the host, where that is not the pod's name for it */
  readonly specName?: string;
  /** a block device: for volumeDevices, not for mounts */
  readonly isDevice?: boolean;
  /** a group that users of the volume get */
  readonly gid?: number | undefined;
}

/** A mount of a part of a volume. */
export interface SubPathMount {
  /** position in the container's volumeMounts */
  readonly index: number;
  readonly volume: string;
  /** relative, without `..` */
  readonly subPath: string;
}

export interface MountsInput {
  readonly volumes: ReadonlyMap<string, VolumeSource>;
  readonly imageVolumes: ReadonlyMap<string, ImageSpec>;
  readonly env: readonly EnvEntry[];
  /** host paths of the subPath mounts, by their index */
  readonly subPaths: ReadonlyMap<number, string>;
  /** host path of the pod's hosts file; undefined where the pod has no address */
  readonly hostsFile: string | undefined;
  /** host path of the file for the termination message */
  readonly terminationLog: string | undefined;
  readonly recursiveReadOnly: boolean;
  readonly selinux: boolean;
}

const hostsPath = '/etc/hosts';

/**
 * Which mounts show only a part of their volume, expressions filled in. Throws FarletError `invalid` for a
 * path that leaves the volume or a variable that is missing or empty.
 */
export function subPathMounts(
  container: Container,
  { env, imageVolumes }: Pick<MountsInput, 'env' | 'imageVolumes'>,
): SubPathMount[] {
  return (container.volumeMounts ?? []).flatMap((mount, index) => {
    const subPath = subPathOf(mount, env);
    return subPath === '' || imageVolumes.has(mount.name) ? [] : [{ index, volume: mount.name, subPath }];
  });
}

/**
 * In the order of the spec, then the hosts file (unless the pod mounts its own), then the termination log.
 */
export function containerMounts(container: Container, input: MountsInput): Mount[] {
  const mounts = (container.volumeMounts ?? []).map((mount, index) =>
    volumeMount(mount, index, { container, input }),
  );
  const ownHosts = (container.volumeMounts ?? []).some(({ mountPath }) => mountPath === hostsPath);
  if (input.hostsFile !== undefined && !ownHosts)
    mounts.push({
      container_path: hostsPath,
      host_path: input.hostsFile,
      selinux_relabel: input.selinux,
    });
  const logPath = container.terminationMessagePath ?? '';
  if (input.terminationLog !== undefined && logPath !== '')
    mounts.push({
      container_path: absolute(logPath),
      host_path: input.terminationLog,
      selinux_relabel: input.selinux,
    });
  return mounts;
}

function volumeMount(
  mount: VolumeMount,
  index: number,
  { container, input }: { container: Container; input: MountsInput },
): Mount {
  const image = input.imageVolumes.get(mount.name);
  const volume = input.volumes.get(mount.name);
  if ((volume === undefined || volume.isDevice === true) && image === undefined)
    throw new FarletError(
      'invalid',
      `cannot find volume ${goQuote(mount.name)} to mount into container ${goQuote(container.name)}`,
    );
  const shared = {
    container_path: absolute(mount.mountPath),
    propagation: propagation(mount),
    recursive_read_only: recursiveReadOnly(mount, input.recursiveReadOnly),
  };
  const subPath = subPathOf(mount, input.env);
  if (image !== undefined) return { ...shared, image, image_sub_path: subPath, readonly: true };
  const part = input.subPaths.get(index);
  // the whole volume would show what the pod's author meant to keep from this container
  if (subPath !== '' && part === undefined)
    throw new FarletError('internal', `subPath ${subPath} of volume ${mount.name} was not prepared`);
  return {
    ...shared,
    host_path: part ?? volume?.hostPath ?? '',
    readonly: mount.readOnly === true || volume?.readOnly === true,
    selinux_relabel: input.selinux && volume?.managed === true,
  };
}

function subPathOf(mount: VolumeMount, env: readonly EnvEntry[]): string {
  const expression = mount.subPathExpr ?? '';
  const subPath = expression === '' ? (mount.subPath ?? '') : expanded(expression, env);
  if (subPath.startsWith('/'))
    throw new FarletError('invalid', `error SubPath \`${subPath}\` must not be an absolute path`);
  if (subPath.split('/').includes('..'))
    throw new FarletError('invalid', `unable to provision SubPath \`${subPath}\`: must not contain '..'`);
  return subPath;
}

function expanded(expression: string, env: readonly EnvEntry[]): string {
  const values = new Map(env.map(({ name, value }) => [name, value]));
  const missing = new Set<string>();
  const result = expand(expression, (name) => {
    const value = values.get(name) ?? '';
    if (value === '') missing.add(name);
    return value;
  });
  if (missing.size > 0)
    throw new FarletError('invalid', `missing value for ${[...missing].sort().join(', ')}`);
  const path = representable(result);
  if (path === undefined)
    throw new FarletError(
      'invalid',
      `subPathExpr ${goQuote(expression)} gives ${goQuote(result)}: not UTF-8`,
    );
  return path;
}

function propagation(mount: VolumeMount): NonNullable<Mount['propagation']> {
  switch (mount.mountPropagation) {
    case undefined:
    case 'None':
      return 'PROPAGATION_PRIVATE';
    case 'HostToContainer':
      return 'PROPAGATION_HOST_TO_CONTAINER';
    case 'Bidirectional':
      return 'PROPAGATION_BIDIRECTIONAL';
    default:
      throw new FarletError('invalid', `invalid MountPropagation mode: ${goQuote(mount.mountPropagation)}`);
  }
}

function recursiveReadOnly(mount: VolumeMount, supported: boolean): boolean {
  const mode = mount.recursiveReadOnly ?? 'Disabled';
  if (mode === 'Disabled') return false;
  const refuse = (why: string): never => {
    throw new FarletError(
      'invalid',
      `failed to resolve recursive read-only mode: volume ${goQuote(mount.name)} requested recursive read-only mode, but it is ${why}`,
    );
  };
  if (mount.readOnly !== true) return refuse('not read-only');
  if (mount.mountPropagation !== undefined && mount.mountPropagation !== 'None')
    return refuse(`not compatible with propagation ${goQuote(mount.mountPropagation)}`);
  if (mode === 'IfPossible' || supported) return supported;
  return refuse('not supported by the runtime');
}

function absolute(path: string): string {
  return path.startsWith('/') ? path : `/${path}`;
}
