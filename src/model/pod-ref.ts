import type { ObjectReference, Pod } from './kube.ts';
import type { LogFields } from './log.ts';

/** Names one pod for good: a name may come again, a UID never does. */
export interface PodRef {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
}

export function podRef(pod: Pod): PodRef {
  return { uid: pod.metadata.uid, name: pod.metadata.name, namespace: pod.metadata.namespace };
}

/** The pod in a line of the log. */
export function podFields({ name, namespace, uid }: PodRef): Pick<LogFields, 'pod' | 'namespace' | 'uid'> {
  return { pod: name, namespace, uid };
}

/** `name_namespace(uid)`, the form of pods in the kubelet's messages (pkg/kubelet/util/format). */
export function formatPod(ref: PodRef): string {
  return `${ref.name}_${ref.namespace}(${ref.uid})`;
}

/**
 * What an event on a node is about: the kubelet names it where others have its UID (pkg/kubelet/kubelet.go
 * nodeRef).
 */
export function nodeReference(name: string): ObjectReference {
  return { apiVersion: 'v1', kind: 'Node', name, uid: name };
}

/** What an event on the pod, or on one of its containers, is about. */
export function podReference(pod: Pod, fieldPath?: string): ObjectReference {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    name: pod.metadata.name,
    namespace: pod.metadata.namespace,
    uid: pod.metadata.uid,
    ...(pod.metadata.resourceVersion === undefined ? {} : { resourceVersion: pod.metadata.resourceVersion }),
    ...(fieldPath === undefined ? {} : { fieldPath }),
  };
}
