/** Pods and containers that a request to the kubelet API names. */
import type { Pod } from '../../model/kube.ts';
import type { ObservedContainer } from '../../model/runtime-state.ts';
import type { Target } from '../http/stream-request.ts';
import { HttpFault } from '../http/http-fault.ts';
import type { PodHost } from './pod-host.ts';

export type PodSource = Pick<PodHost, 'table' | 'cache' | 'mirrorOf'>;

export function findPod({ table }: PodSource, { namespace, pod: name }: Target): Pod {
  const pod = table.find(namespace, name);
  if (pod === undefined) throw new HttpFault(404, 'pod does not exist');
  return pod;
}

/**
 * Whether the path's uid, if it has one, is the pod's or that of its mirror on the API server
 * (TranslatePodUID).
 */
export function isMeant(pods: PodSource, pod: Pod, { uid }: Target): boolean {
  return uid === undefined || uid === pod.metadata.uid || uid === pods.mirrorOf(pod)?.metadata.uid;
}

/** A running container of the pod; none if the path's uid is another pod's. */
export function findRunning(pods: PodSource, pod: Pod, target: Target): ObservedContainer | undefined {
  if (!isMeant(pods, pod, target)) return undefined;
  return pods.cache
    .get(pod.metadata.uid)
    ?.containers.find(({ name, state }) => name === target.container && state === 'running');
}

export function noContainer({ container = '' }: Target): HttpFault {
  return new HttpFault(500, `container not found ("${container}")`);
}
