import type { Container, ContainerStatus, EphemeralContainer, Pod, PodStatus } from './kube.ts';

export type ContainerType = 'container' | 'init_container' | 'ephemeral_container';

/** A container of any list with the list it came from. */
export interface PodContainer {
  readonly type: ContainerType;
  readonly spec: Container;
  /** an init container with restartPolicy Always */
  readonly sidecar: boolean;
}

export function isSidecar(container: Container): boolean {
  return container.restartPolicy === 'Always';
}

/**
 * The containers that a pod's resources and images are made of: init (in order), then regular. Ephemeral ones
 * are guests.
 */
export function specContainers<C>({
  initContainers = [],
  containers,
}: {
  readonly initContainers?: readonly C[];
  readonly containers: readonly C[];
}): C[] {
  return [...initContainers, ...containers];
}

/** Every container of the pod: init (in order), regular, ephemeral. */
export function podContainers(pod: Pod): PodContainer[] {
  return [
    ...(pod.spec.initContainers ?? []).map((spec): PodContainer => ({
      type: 'init_container',
      spec,
      sidecar: isSidecar(spec),
    })),
    ...pod.spec.containers.map((spec): PodContainer => ({ type: 'container', spec, sidecar: false })),
    ...(pod.spec.ephemeralContainers ?? []).map((spec): PodContainer => ({
      type: 'ephemeral_container',
      spec: asContainer(spec),
      sidecar: false,
    })),
  ];
}

export function findContainer(pod: Pod, name: string): PodContainer | undefined {
  return podContainers(pod).find((container) => container.spec.name === name);
}

/**
 * What a pod's status says of the container with this name, whichever list it is in: no two of a pod share a
 * name.
 */
export function findContainerStatus(
  status: PodStatus | undefined,
  containerName: string,
): ContainerStatus | undefined {
  return [
    ...(status?.initContainerStatuses ?? []),
    ...(status?.containerStatuses ?? []),
    ...(status?.ephemeralContainerStatuses ?? []),
  ].find(({ name }) => name === containerName);
}

/** Whether it speaks of the container that the runtime knows by this id, not of one before it. */
export function isStatusOf({ containerID }: Pick<ContainerStatus, 'containerID'>, id: string): boolean {
  return containerID?.endsWith(`://${id}`) === true;
}

/** An ephemeral container has every field of a container; only its target is its own. */
function asContainer(ephemeral: EphemeralContainer): Container {
  return ephemeral;
}

const specLists: Record<ContainerType, string> = {
  init_container: 'initContainers',
  container: 'containers',
  ephemeral_container: 'ephemeralContainers',
};

/** `spec.containers{name}`, as events name a container (pkg/kubelet/container/ref.go). */
export function containerFieldPath(container: PodContainer): string {
  return `spec.${specLists[container.type]}{${container.spec.name}}`;
}
