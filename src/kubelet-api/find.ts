/** Pods and containers that a request to the kubelet API names. */
import type { Pod } from '../model/kube.ts';
import type { ObservedContainer } from '../model/runtime-state.ts';
import type { HostApp } from '../host-app.ts';
import type { Target } from '../server/backend.ts';
import { HttpFault } from '../server/http-fault.ts';

export type PodSource = Pick<HostApp, 'table' | 'cache'>;

export function findPod({ table }: PodSource, { namespace, pod: name }: Target): Pod {
  const pod = table.find(namespace, name);
  if (pod === undefined) throw new HttpFault(404, 'pod does not exist');
  return pod;
}

/** A running container of the pod; none if the path's uid is another pod's. */
export function findRunning({ cache }: PodSource, pod: Pod, target: Target): ObservedContainer | undefined {
  if (target.uid !== undefined && target.uid !== pod.metadata.uid) return undefined;
  return cache
    .get(pod.metadata.uid)
    ?.containers.find(({ name, state }) => name === target.container && state === 'running');
}

export function noContainer({ container = '' }: Target): HttpFault {
  return new HttpFault(500, `container not found ("${container}")`);
}
