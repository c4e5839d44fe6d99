/** Pure: what stopping a container needs to know, and how long it may take (kuberuntime_container.go). */
import { containerFieldPath, findContainer } from '../../model/containers.ts';
import type { Container, ObjectReference, Pod } from '../../model/kube.ts';
import { annotations } from '../../model/labels.ts';
import type { KillReason } from '../../model/pod-actions.ts';
import { podReference, type PodRef } from '../../model/pod-ref.ts';
import type { ObservedContainer } from '../../model/runtime-state.ts';

/** CRI stops with at least this much grace: a container that hears nothing can't end well. */
export const minimumGraceSeconds = 2;

export interface KillSubject {
  readonly id: string;
  readonly container: Container;
  readonly pod: Pod;
  /** what its events are about */
  readonly about: ObjectReference;
}

/**
 * From the pod, or where the pod or the container in it is gone, from what the container's annotations keep.
 */
export function killSubject(pod: Pod | undefined, observed: ObservedContainer, ref: PodRef): KillSubject {
  const found = pod === undefined ? undefined : findContainer(pod, observed.name);
  if (pod !== undefined && found !== undefined)
    return {
      id: observed.id,
      pod,
      container: found.spec,
      about: podReference(pod, containerFieldPath(found)),
    };
  const restored = pod ?? restoredPod(observed, ref);
  return {
    id: observed.id,
    pod: restored,
    container: restoredContainer(observed),
    about: podReference(restored, `implicitly required container ${observed.name}`),
  };
}

/** Seconds before an override, hooks and order are taken into account. */
export function killGraceSeconds({ pod, container }: KillSubject, reason: KillReason): number {
  const { deletionGracePeriodSeconds } = pod.metadata;
  if (deletionGracePeriodSeconds !== undefined) return deletionGracePeriodSeconds;
  const ofPod = pod.spec.terminationGracePeriodSeconds;
  if (ofPod === undefined) return minimumGraceSeconds;
  const probe =
    reason === 'startup-probe'
      ? container.startupProbe
      : reason === 'liveness-probe'
        ? container.livenessProbe
        : undefined;
  return probe?.terminationGracePeriodSeconds ?? ofPod;
}

function restoredPod(observed: ObservedContainer, ref: PodRef): Pod {
  const grace = seconds(observed.annotations[annotations.podTerminationGracePeriod]);
  const deletion = seconds(observed.annotations[annotations.podDeletionGracePeriod]);
  return {
    metadata: { ...ref, ...(deletion === undefined ? {} : { deletionGracePeriodSeconds: deletion }) },
    spec: { containers: [], ...(grace === undefined ? {} : { terminationGracePeriodSeconds: grace }) },
  };
}

function restoredContainer(observed: ObservedContainer): Container {
  const ports = fromJson(observed.annotations[annotations.ports]);
  const preStop = fromJson(observed.annotations[annotations.preStopHandler]);
  return {
    name: observed.name,
    ...(Array.isArray(ports) ? { ports: ports as NonNullable<Container['ports']> } : {}),
    ...(typeof preStop === 'object' && preStop !== null ? { lifecycle: { preStop: preStop } } : {}),
  };
}

function seconds(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** undefined for what is missing or spoilt: a container must be stoppable all the same. */
function fromJson(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
