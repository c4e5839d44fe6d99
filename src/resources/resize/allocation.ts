/**
 * What a pod was granted, which may be less or more than what its spec asks for by now
 * (pkg/kubelet/allocation). Pure.
 */
import { findContainerStatus, specContainers } from '../../model/containers.ts';
import type { Container, Pod, ResourceRequirements } from '../../model/kube.ts';
import { compareQuantities } from '../../model/quantity.ts';
import { quantity } from '../../model/quantity-text.ts';

export interface Allocation {
  readonly pod: ResourceRequirements | undefined;
  readonly containers: ReadonlyMap<string, ResourceRequirements>;
}

type Quantities = Readonly<Record<string, string>>;
const resizable = ['cpu', 'memory'] as const;

export function allocationOf(pod: Pod): Allocation {
  return {
    pod: pod.spec.resources,
    containers: new Map(specContainers(pod.spec).map(({ name, resources }) => [name, resources ?? {}])),
  };
}

/** The pod with what it was granted in place of what it asks for. */
export function allocatedPod(pod: Pod, allocation: Allocation): Pod {
  if (isGranted(pod, allocation)) return pod;
  const granted = (container: Container): Container => {
    const resources = allocation.containers.get(container.name);
    return resources === undefined ? container : { ...container, resources };
  };
  const { resources: _, ...spec } = pod.spec;
  const { initContainers } = pod.spec;
  return {
    ...pod,
    spec: {
      ...spec,
      containers: spec.containers.map(granted),
      ...(initContainers === undefined ? {} : { initContainers: initContainers.map(granted) }),
      ...(allocation.pod === undefined ? {} : { resources: allocation.pod }),
    },
  };
}

/** Whether the spec asks for nothing but what was granted. */
export function isGranted(pod: Pod, allocation: Allocation): boolean {
  return (
    sameResources(pod.spec.resources, allocation.pod) &&
    specContainers(pod.spec).every(({ name, resources }) => {
      const granted = allocation.containers.get(name);
      return granted === undefined || sameResources(resources, granted);
    })
  );
}

/**
 * What the pod had been granted when farlet last wrote its status: requests are told there as
 * allocatedResources, limits as those that its containers really have. A container that has no status yet was
 * granted what it asks for.
 */
export function recoveredAllocation(pod: Pod): Allocation {
  const { resources: ofPod, allocatedResources } = pod.status ?? {};
  return {
    pod:
      pod.spec.resources === undefined || (ofPod === undefined && allocatedResources === undefined)
        ? pod.spec.resources
        : recovered(pod.spec.resources, allocatedResources, ofPod?.limits),
    containers: new Map(
      specContainers(pod.spec).map(({ name, resources = {} }) => {
        const status = findContainerStatus(pod.status, name);
        return [name, recovered(resources, status?.allocatedResources, status?.resources?.limits)];
      }),
    ),
  };
}

function recovered(
  wanted: ResourceRequirements,
  requests: Quantities | undefined,
  limits: Quantities | undefined,
): ResourceRequirements {
  const told = (list: Quantities | undefined, known: Quantities | undefined): Record<string, string> => {
    const merged: Record<string, string> = { ...list };
    for (const name of resizable) {
      const text = known?.[name];
      // the same amount may be written in another way
      if (text !== undefined && !isSame(text, merged[name])) merged[name] = text;
    }
    return merged;
  };
  return {
    ...wanted,
    ...(wanted.requests === undefined && requests === undefined
      ? {}
      : { requests: told(wanted.requests, requests) }),
    ...(wanted.limits === undefined && limits === undefined ? {} : { limits: told(wanted.limits, limits) }),
  };
}

function sameResources(a: ResourceRequirements | undefined, b: ResourceRequirements | undefined): boolean {
  return (['requests', 'limits'] as const).every((list) =>
    resizable.every((name) => isSame(a?.[list]?.[name], b?.[list]?.[name])),
  );
}

function isSame(a: string | undefined, b: string | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return compareQuantities(quantity(a), quantity(b)) === 0;
}
