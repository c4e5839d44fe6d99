/** Pods and containers that a request to the kubelet API names. */
import type { Pod } from '../model/kube.ts';
import type { ObservedContainer } from '../model/runtime-state.ts';
import type { HostApp } from '../host-app.ts';
import type { Target } from '../server/backend.ts';
import { HttpFault } from '../server/http-fault.ts';

export type PodSource = Pick<HostApp, 'table' | 'cache' | 'mirrorOf'>;

export function findPod({ table }: PodSource, { namespace, pod: name }: Target): Pod {
  const pod = table.find(namespace, name);
  if (pod === undefined) throw new HttpFault(404, 'pod does not exist');
  return pod;
}

/** Whether the path's uid, if it has one, is the pod's or that of its mirror on the API server (TranslatePodUID). */
export function isMeant(app: PodSource, pod: Pod, { uid }: Target): boolean {
  return uid === undefined || uid === pod.metadata.uid || uid === app.mirrorOf(pod)?.metadata.uid;
}

/** A running container of the pod; none if the path's uid is another pod's. */
export function findRunning(app: PodSource, pod: Pod, target: Target): ObservedContainer | undefined {
  if (!isMeant(app, pod, target)) return undefined;
  return app.cache
    .get(pod.metadata.uid)
    ?.containers.find(({ name, state }) => name === target.container && state === 'running');
}

export function noContainer({ container = '' }: Target): HttpFault {
  return new HttpFault(500, `container not found ("${container}")`);
}
