/**
 * What a running pod holds of its node while it may be in the middle of a resize: for each container the
 * greatest of what is wanted, what was granted and what it really has (component-helpers/resource PodRequests
 * with UseStatusResources). cpu in thousandths, the rest in units. Pure, but for what is kept: each pod that
 * is to be admitted is held against all the others.
 */
import { findContainerStatus } from './containers.ts';
import type { Container, ContainerStatus, Pod } from './kube.ts';
import { podRequest } from './pod-requests.ts';
import { compareQuantities } from './quantity.ts';
import { quantity } from './quantity-text.ts';
import type { Amounts } from './resource-lists.ts';

type Quantities = Readonly<Record<string, string>>;

const found = new WeakMap<Pod, Amounts>();

export function heldRequest(pod: Pod): Amounts {
  const known = found.get(pod);
  if (known !== undefined) return known;
  const held = requestHeldBy(pod);
  found.set(pod, held);
  return held;
}

function requestHeldBy(pod: Pod): Amounts {
  const infeasible = (pod.status?.conditions ?? []).some(
    ({ type, reason }) => type === 'PodResizePending' && reason === 'Infeasible',
  );
  const held = (container: Container): Container => {
    const status = findContainerStatus(pod.status, container.name);
    if (status === undefined) return container;
    return {
      ...container,
      resources: {
        ...container.resources,
        requests: greatest(container.resources?.requests, status, infeasible),
      },
    };
  };
  const { initContainers } = pod.spec;
  return podRequest({
    ...pod,
    spec: {
      ...pod.spec,
      containers: pod.spec.containers.map(held),
      ...(initContainers === undefined ? {} : { initContainers: initContainers.map(held) }),
      ...heldByPod(pod, infeasible),
    },
  });
}

function heldByPod(pod: Pod, infeasible: boolean): Pick<Pod['spec'], 'resources'> {
  const { resources } = pod.spec;
  if (resources === undefined) return {};
  const requests = greatest(
    resources.requests,
    {
      ...(pod.status?.resources === undefined ? {} : { resources: pod.status.resources }),
      ...(pod.status?.allocatedResources === undefined
        ? {}
        : { allocatedResources: pod.status.allocatedResources }),
    },
    infeasible,
  );
  return { resources: { ...resources, requests } };
}

/** A resize that can never be granted does not count. */
function greatest(
  wanted: Quantities | undefined,
  { resources, allocatedResources }: Pick<ContainerStatus, 'resources' | 'allocatedResources'>,
  infeasible: boolean,
): Record<string, string> {
  const known = [resources?.requests, allocatedResources].filter((list) => list !== undefined);
  const lists = infeasible && known.length > 0 ? known : [wanted ?? {}, ...known];
  const all = new Map<string, string>();
  for (const list of lists)
    for (const [name, text] of Object.entries(list)) {
      const before = all.get(name);
      if (before === undefined || compareQuantities(quantity(text), quantity(before)) > 0)
        all.set(name, text);
    }
  return Object.fromEntries(all);
}
