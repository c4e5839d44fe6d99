/** emptyDir volumes: pkg/volume/emptydir/empty_dir.go. Pure. */
import { specContainers } from '../../model/containers.ts';
import type { FileOp } from '../../hosts/link/link.ts';
import { FarletError } from '../../model/errors.ts';
import type { Pod } from '../../model/kube.ts';
import { podTotal } from '../../model/pod-requests.ts';
import { quantityValue } from '../../model/quantity-text.ts';

export interface EmptyDirInput {
  readonly pod: Pod;
  /** the volume's folder; the one above exists */
  readonly path: string;
  readonly medium: string;
  readonly sizeLimit: string | undefined;
  readonly nodeMemoryBytes: number;
}

/**
 * A folder that exists is kept as it is, and so is what is mounted there: the pod owns it, and may have
 * changed its mode. Throws FarletError `invalid` with the kubelet's text for a medium that is none.
 */
export function emptyDirOps(input: EmptyDirInput): FileOp[] {
  const { pod, path, medium } = input;
  const gid = pod.spec.securityContext?.fsGroup;
  const folder: FileOp = {
    op: 'mkdir',
    path,
    mode: gid === undefined ? 0o777 : 0o2777,
    keep: true,
    ...(gid === undefined ? {} : { uid: 0, gid }),
  };
  if (medium === '') return [folder];
  if (medium === 'Memory') return [folder, tmpfsOp(input)];
  if (!medium.startsWith('HugePages'))
    throw new FarletError('invalid', `unknown storage medium ${JSON.stringify(medium)}`);
  return [
    folder,
    { op: 'mount', type: 'hugetlbfs', source: 'nodev', path, options: [pageSizeOption(medium, pod)] },
    ...(gid === undefined
      ? []
      : [{ op: 'own-tree', path, gid, readOnly: false, onlyOnRootMismatch: true } as const]),
  ];
}

/**
 * World-writable and sticky, as a tmpfs is by default; also what secrets, projected and downwardAPI volumes
 * lie on.
 */
export function tmpfsOp({
  pod,
  path,
  sizeLimit,
  nodeMemoryBytes,
}: Pick<EmptyDirInput, 'pod' | 'path' | 'sizeLimit' | 'nodeMemoryBytes'>): FileOp {
  const gid = pod.spec.securityContext?.fsGroup;
  const sizeBytes = memorySize(pod, sizeLimit, nodeMemoryBytes);
  return {
    op: 'mount-tmpfs',
    path,
    mode: gid === undefined ? 0o1777 : 0o3777,
    ...(sizeBytes > 0 ? { sizeBytes } : {}),
    ...(gid === undefined ? {} : { gid }),
  };
}

/**
 * The least of node allocatable memory, the pod's memory limit and the volume's own, of those that are set
 * (calculateEmptyDirMemorySize).
 */
export function memorySize(pod: Pod, sizeLimit: string | undefined, nodeMemoryBytes: number): number {
  const candidates = [nodeMemoryBytes, podMemoryLimit(pod), Number(quantityValue(sizeLimit))].filter(
    (bytes) => bytes > 0,
  );
  return candidates.length === 0 ? 0 : Math.min(...candidates);
}

/** 0 unless every container is limited, or the pod as a whole (ResourceConfigForPod). */
function podMemoryLimit(pod: Pod): number {
  const containers = specContainers(pod.spec);
  const limited =
    pod.spec.resources?.limits?.memory !== undefined ||
    containers.every(({ resources }) => quantityValue(resources?.limits?.memory) > 0n);
  const total = podTotal(pod, 'limits', 'memory');
  return limited && total !== undefined ? Number(total + quantityValue(pod.spec.overhead?.memory)) : 0;
}

/** getPageSizeMountOption: the page size comes from what the pod's containers ask for. */
function pageSizeOption(medium: string, pod: Pod): string {
  const wanted = medium === 'HugePages' ? undefined : medium.slice('HugePages-'.length);
  const requests = [
    pod.spec.resources?.requests,
    ...specContainers(pod.spec).map(({ resources }) => resources?.requests),
  ];
  let found: string | undefined;
  for (const name of requests.flatMap((list) => Object.keys(list ?? {}))) {
    if (!name.startsWith('hugepages-')) continue;
    const size = name.slice('hugepages-'.length);
    const same = (other: string): boolean => quantityValue(size) === quantityValue(other);
    if (wanted === undefined) {
      if (found !== undefined && !same(found))
        throw new FarletError(
          'invalid',
          `medium: ${medium} can't be used if container requests multiple huge page sizes`,
        );
      found = size;
    } else if (same(wanted)) found = size;
  }
  if (found === undefined)
    throw new FarletError(
      'invalid',
      `medium ${medium}: hugePages storage requested, but there is no resource request for huge pages`,
    );
  return `pagesize=${found}`;
}
