/**
 * The helper: a pod that farlet keeps on a host whose CRI socket is all that can be reached of it. It has the
 * host's network and processes and is privileged, so that a command in it can step into the host's mount
 * namespace. Pure.
 */
import type { CgroupDriver } from '../cri/cgroup-driver.ts';
import { createHash } from 'node:crypto';
import { helperLabels } from '../../model/labels.ts';
import type { ContainerConfig } from '../cri/generated/runtime/v1/ContainerConfig.ts';
import type { NamespaceOption } from '../cri/generated/runtime/v1/NamespaceOption.ts';
import type { PodSandboxConfig } from '../cri/generated/runtime/v1/PodSandboxConfig.ts';

/** Who keeps the helper: on one host several nodes, of several clusters, may have one each. */
export interface HelperOwner {
  readonly node: string;
  readonly cluster: string;
}

/** busybox: all that a helper needs, and small. */
export const DEFAULT_HELPER_IMAGE = 'docker.io/library/busybox:1.37.0';

const FORM = '1';
/** What is slow is what the host serves pods with: it goes last when memory runs out. */
const OOM_SCORE = -997;
const namespaces: NamespaceOption = { network: 'NODE', pid: 'NODE', ipc: 'NODE' };

export function helperSpecHash(image: string): string {
  return createHash('sha256').update(`${FORM} ${image}`).digest('hex').slice(0, 16);
}

/** The filter that finds an owner's helpers. */
export function helperSelector({ node, cluster }: HelperOwner): Record<string, string> {
  return { [helperLabels.node]: node, [helperLabels.cluster]: cluster };
}

export function helperSandbox(options: {
  owner: HelperOwner;
  image: string;
  attempt: number;
  driver: CgroupDriver;
}): PodSandboxConfig {
  const { owner, image, attempt, driver } = options;
  return {
    metadata: {
      name: `farlet-helper-${owner.node}`,
      namespace: 'farlet-helper',
      uid: helperUid(owner),
      attempt,
    },
    labels: { ...helperSelector(owner), [helperLabels.spec]: helperSpecHash(image) },
    linux: {
      cgroup_parent: driver === 'systemd' ? 'system.slice' : '/',
      security_context: { namespace_options: namespaces, privileged: true },
    },
  };
}

export function helperContainer(options: {
  owner: HelperOwner;
  image: string;
  imageId: string;
}): ContainerConfig {
  const { owner, image, imageId } = options;
  return {
    metadata: { name: 'helper', attempt: 0 },
    image: { image: imageId, user_specified_image: image },
    command: ['sleep', '2147483647'],
    labels: { ...helperSelector(owner), [helperLabels.spec]: helperSpecHash(image) },
    linux: {
      security_context: { namespace_options: namespaces, privileged: true },
      resources: { oom_score_adj: OOM_SCORE },
    },
  };
}

/**
 * Runs the host's own shell, with the host's files: in the mount namespace of its first process. By its path,
 * since the busybox of the image would take its own for a plain name.
 */
export function onTheHost([shell = 'sh', ...args]: readonly string[]): string[] {
  return ['nsenter', '-t', '1', '-m', '--', `/bin/${shell}`, ...args];
}

const needed = ['nsenter', 'nc', 'dd', 'awk', 'readlink', 'sleep'] as const;

/** Tells what the image lacks, then whether the host can be stepped into. */
export const trialCommand: readonly string[] = [
  'sh',
  '-c',
  `m=; for t in ${needed.join(' ')}; do command -v $t >/dev/null || m="$m $t"; done
[ -z "$m" ] || { echo "the image lacks$m" >&2; exit 1; }
exec ${onTheHost(['sh', '-c', ':']).join(' ')}`,
];

/** Two helpers may not have one name in the runtime. */
function helperUid({ node, cluster }: HelperOwner): string {
  return createHash('sha256').update(`${cluster} ${node}`).digest('hex').slice(0, 32);
}
