/** CRI answers → the observed state that the rest of farlet reads (model/runtime-state.ts). Pure. */
import { isIP } from 'node:net';
import type { ContainerStatus__Output } from '../../hosts/cri/generated/runtime/v1/ContainerStatus.ts';
import type { PodSandboxStatus__Output } from '../../hosts/cri/generated/runtime/v1/PodSandboxStatus.ts';
import { annotations, labels } from '../../model/labels.ts';
import { own } from '../../model/own.ts';
import type { PodRef } from '../../model/pod-ref.ts';
import type {
  ObservedContainer,
  ObservedContainerState,
  ObservedResources,
  ObservedSandbox,
  ObservedUser,
} from '../../model/runtime-state.ts';

const containerStates: ReadonlyMap<unknown, ObservedContainerState> = new Map([
  ['CONTAINER_CREATED', 'created'],
  ['CONTAINER_RUNNING', 'running'],
  ['CONTAINER_EXITED', 'exited'],
]);

/** The state of a container as the CRI names it; one that is not known yet comes as a number. */
export function containerState(state: ContainerStatus__Output['state']): ObservedContainerState {
  return containerStates.get(state) ?? 'unknown';
}

/** The pod that a sandbox or container says it belongs to, or undefined if no kubelet made it. */
export function podOfLabels(objectLabels: Readonly<Record<string, string>>): PodRef | undefined {
  const uid = objectLabels[labels.podUid];
  const name = objectLabels[labels.podName];
  const namespace = objectLabels[labels.podNamespace];
  return uid === undefined || name === undefined || namespace === undefined
    ? undefined
    : { uid, name, namespace };
}

export function observedSandbox(status: PodSandboxStatus__Output): ObservedSandbox {
  const hostNetwork = status.linux?.namespaces?.options?.network === 'NODE';
  const network = status.network;
  const ips =
    network === null || hostNetwork
      ? []
      : addresses([network.ip, ...network.additional_ips.map(({ ip }) => ip)]);
  return {
    id: status.id,
    attempt: status.metadata?.attempt ?? 0,
    createdAt: status.created_at,
    ready: status.state === 'SANDBOX_READY',
    ips,
    lacksAddress: network !== null && network.ip === '',
    hostNetwork,
    runtimeHandler: status.runtime_handler,
  };
}

/** One that is none makes all of them doubtful (kuberuntime_sandbox.go determinePodSandboxIPs). */
function addresses(ips: readonly string[]): string[] {
  const reported = ips.filter((ip) => ip !== '');
  return reported.every((ip) => isIP(ip) !== 0) ? reported : [];
}

/** `sandboxId` is not part of a container's status: it comes from the list, the event or the creator. */
export function observedContainer(status: ContainerStatus__Output, sandboxId: string): ObservedContainer {
  return {
    id: status.id,
    name: status.metadata?.name ?? '',
    sandboxId,
    attempt: status.metadata?.attempt ?? 0,
    state: containerState(status.state),
    createdAt: status.created_at,
    startedAt: status.started_at,
    finishedAt: status.finished_at,
    exitCode: status.exit_code,
    reason: status.reason,
    message: status.message,
    image: status.image?.image ?? '',
    imageRef: status.image_ref,
    imageId: status.image_id,
    logPath: status.log_path,
    annotations: status.annotations,
    resources: observedResources(status),
    user: observedUser(status),
    terminationFile: terminationFile(status),
  };
}

/** Of the mount where the container was told to leave its last words. */
function terminationFile({ annotations: marks, mounts }: ContainerStatus__Output): string | undefined {
  const named = own(marks, annotations.terminationMessagePath) ?? '';
  const path = named.startsWith('/') ? named : `/${named}`;
  return mounts.find((mount) => mount.container_path === path)?.host_path;
}

function observedResources(status: ContainerStatus__Output): ObservedResources | undefined {
  const linux = status.resources?.linux;
  if (linux === undefined || linux === null) return undefined;
  return {
    cpuPeriod: linux.cpu_period,
    cpuQuota: linux.cpu_quota,
    cpuShares: linux.cpu_shares,
    memoryLimitBytes: linux.memory_limit_in_bytes,
  };
}

function observedUser(status: ContainerStatus__Output): ObservedUser | undefined {
  const user = status.user?.linux;
  if (user === undefined || user === null) return undefined;
  return { uid: user.uid, gid: user.gid, supplementalGroups: user.supplemental_groups };
}
