/**
 * What a pod asks of its host's system and runtime beyond resources (pkg/kubelet/lifecycle,
 * security/apparmor). Pure.
 */
import { podContainers, specContainers } from '../../model/containers.ts';
import type { Pod, RuntimeClass } from '../../model/kube.ts';
import { handlerRefusal, type PodHandler } from '../../model/runtime-handler.ts';
import { refused, type Refusal } from './refusal.ts';

/** What the host can do, as far as admission depends on it. */
export interface HostFeatures {
  readonly appArmor: boolean;
  readonly supplementalGroupsPolicy: boolean;
  readonly name: string;
  /** of its runtime; empty where it doesn't tell */
  readonly handlers: readonly PodHandler[];
}

export function refusedForSystem(pod: Pod): Refusal | undefined {
  const label = pod.metadata.labels?.['kubernetes.io/os'];
  if (label !== undefined && label !== 'linux')
    return refused(
      'PodOSSelectorNodeLabelDoesNotMatch',
      "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label",
    );
  const os = pod.spec.os?.name ?? 'linux';
  return os === 'linux'
    ? undefined
    : refused('PodOSNotSupported', "Failed to admit pod as the OS field doesn't match node OS");
}

export function refusedGroupsPolicy(pod: Pod, host: HostFeatures): Refusal | undefined {
  const strict = pod.spec.securityContext?.supplementalGroupsPolicy === 'Strict';
  return strict && !host.supplementalGroupsPolicy
    ? refused(
        'SupplementalGroupsPolicyNotSupported',
        'SupplementalGroupsPolicy=Strict is not supported in this node',
      )
    : undefined;
}

/** Only pods that have not begun are asked: one that runs was confined when it started. */
export function refusedAppArmor(pod: Pod, host: HostFeatures): Refusal | undefined {
  if (pod.status?.phase !== 'Pending' || host.appArmor) return undefined;
  const profiles = [
    pod.spec.securityContext?.appArmorProfile,
    ...podContainers(pod).map(({ spec }) => spec.securityContext?.appArmorProfile),
  ];
  return profiles.some((profile) => profile !== undefined && profile.type !== 'Unconfined')
    ? refused('AppArmor', 'Cannot enforce AppArmor: AppArmor is not enabled on the host')
    : undefined;
}

/**
 * Only pods that have not begun are asked. A class that is not known yet says nothing: the pod is asked again
 * when its sandbox is to be made.
 */
export function refusedHandler(
  pod: Pod,
  {
    host,
    runtimeClass,
  }: {
    readonly host: HostFeatures;
    readonly runtimeClass: (name: string) => Pick<RuntimeClass, 'handler'> | undefined;
  },
): Refusal | undefined {
  if (pod.status?.phase !== 'Pending') return undefined;
  const name = pod.spec.runtimeClassName ?? '';
  const handler = name === '' ? '' : runtimeClass(name)?.handler;
  return handler === undefined
    ? undefined
    : handlerRefusal(pod, handler, { host: host.name, handlers: host.handlers });
}

/**
 * What farlet can't do is refused rather than left out; so is what the node does not declare
 * (declaredFeaturesAdmitHandler).
 */
export function refusedFeature(pod: Pod): Refusal | undefined {
  if (pod.spec.hostNetwork === true && pod.spec.hostUsers === false)
    return refused(
      'PodFeatureUnsupported',
      'Pod requires node features that are not available: UserNamespacesHostNetworkSupport',
    );
  const all = specContainers(pod.spec);
  const claims = [pod.spec.resourceClaims, ...all.map(({ resources }) => resources?.claims)];
  return claims.some((list) => (list ?? []).length > 0)
    ? refused('PodFeatureUnsupported', 'farlet does not support resource claims')
    : undefined;
}
