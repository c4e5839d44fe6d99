/** V1Pod and one of its containers → ContainerConfig: kuberuntime_container.go, kuberuntime/labels.go. */
import type { ContainerConfig } from '../../hosts/cri/generated/runtime/v1/ContainerConfig.ts';
import type { Device } from '../../hosts/cri/generated/runtime/v1/Device.ts';
import type { Mount } from '../../hosts/cri/generated/runtime/v1/Mount.ts';
import type { UserNamespace } from '../../hosts/cri/generated/runtime/v1/UserNamespace.ts';
import { bytesOfText } from '../../model/go-string.ts';
import type { Container, ContainerPort, Pod } from '../../model/kube.ts';
import { annotations, labels } from '../../model/labels.ts';
import { containerHash } from '../decide/container-hash.ts';
import type { EnvEntry } from './env-entry.ts';
import { expand } from '../../model/expansion.ts';
import { containerResources } from './linux-resources.ts';
import { ownLabels } from './sandbox-config.ts';
import { containerSecurityContext, type ImageUser, verifyRunAsNonRoot } from './security-context.ts';
import type { LinuxHost, RuntimeSettings } from './runtime-settings.ts';

export interface ContainerInput {
  /** the restart count */
  readonly attempt: number;
  /** what pulling or inspecting the image gave: its id */
  readonly imageRef: string;
  readonly user: ImageUser;
  readonly env: readonly EnvEntry[];
  readonly mounts: readonly Mount[];
  readonly devices?: readonly Device[];
  /** groups that the pod's volumes bring */
  readonly volumeGroups?: readonly number[];
  /** that of its sandbox; absent: the host's */
  readonly userNamespace?: UserNamespace | undefined;
  /** of the container that an ephemeral one targets */
  readonly targetId: string | undefined;
  readonly host: LinuxHost;
  readonly settings: RuntimeSettings;
  /** where CPUs are managed: those it is to run on */
  readonly cpus?: { readonly cpus: string; readonly exclusive: boolean } | undefined;
}

/** Throws FarletError for what the container asks for and can't be had. */
export function containerConfig(pod: Pod, container: Container, input: ContainerInput): ContainerConfig {
  verifyRunAsNonRoot(pod, container, input.user);
  const values = new Map(input.env.map(({ name, value }) => [name, value]));
  const expanded = (text: string): string => expand(text, (name) => values.get(name));
  return {
    metadata: { name: container.name, attempt: input.attempt },
    image: { image: input.imageRef, user_specified_image: container.image ?? '' },
    command: (container.command ?? []).map(expanded),
    args: (container.args ?? []).map(expanded),
    working_dir: container.workingDir ?? '',
    envs: input.env.map(({ name, value }) => ({ key: name, value: bytesOfText(value) })),
    mounts: input.mounts.map((mount) => ({ ...mount, ...mappedIds(input.userNamespace) })),
    devices: [...(input.devices ?? [])],
    labels: { ...ownLabels(pod, input.settings), [labels.containerName]: container.name },
    annotations: {
      ...containerAnnotations(pod, container, input.attempt),
      ...(input.cpus?.exclusive === true ? { [annotations.exclusiveCpus]: input.cpus.cpus } : {}),
    },
    log_path: containerLogPath(container.name, input.attempt),
    stdin: container.stdin ?? false,
    stdin_once: container.stdinOnce ?? false,
    tty: container.tty ?? false,
    linux: {
      resources: {
        ...containerResources(pod, container, input),
        ...(input.cpus === undefined ? {} : { cpuset_cpus: input.cpus.cpus }),
      },
      security_context: containerSecurityContext(pod, container, input),
    },
  };
}

/**
 * In a user namespace files keep their owners as the container sees them
 * (applyPlatformSpecificContainerConfig).
 */
function mappedIds({ uids = [], gids = [] }: UserNamespace = {}): Pick<Mount, 'uidMappings' | 'gidMappings'> {
  return uids.length + gids.length === 0 ? {} : { uidMappings: uids, gidMappings: gids };
}

/** Below the pod's log folder. */
export function containerLogPath(container: string, attempt: number): string {
  return `${container}/${attempt}.log`;
}

/** What stopping the container needs to know when its pod's object is gone. */
function containerAnnotations(pod: Pod, container: Container, attempt: number): Record<string, string> {
  const { deletionGracePeriodSeconds } = pod.metadata;
  const { terminationGracePeriodSeconds } = pod.spec;
  const preStop = container.lifecycle?.preStop;
  const ports = container.ports ?? [];
  return {
    [annotations.containerHash]: containerHash(container),
    [annotations.restartCount]: String(attempt),
    [annotations.terminationMessagePath]: container.terminationMessagePath ?? '',
    [annotations.terminationMessagePolicy]: container.terminationMessagePolicy ?? '',
    ...(deletionGracePeriodSeconds === undefined
      ? {}
      : { [annotations.podDeletionGracePeriod]: String(deletionGracePeriodSeconds) }),
    ...(terminationGracePeriodSeconds === undefined
      ? {}
      : { [annotations.podTerminationGracePeriod]: String(terminationGracePeriodSeconds) }),
    ...(preStop === undefined ? {} : { [annotations.preStopHandler]: JSON.stringify(preStop) }),
    ...(ports.length === 0 ? {} : { [annotations.ports]: JSON.stringify(ports.map(portJson)) }),
  };
}

/** The fields in the API's order, so that equal ports give equal text. */
function portJson(port: ContainerPort): ContainerPort {
  return {
    ...(port.name === undefined ? {} : { name: port.name }),
    ...(port.hostPort === undefined ? {} : { hostPort: port.hostPort }),
    containerPort: port.containerPort,
    ...(port.protocol === undefined ? {} : { protocol: port.protocol }),
    ...(port.hostIP === undefined ? {} : { hostIP: port.hostIP }),
  };
}
