/**
 * Labels whose values come from pods, runtimes or users have a bounded number of values: each value is a
 * series for good.
 */
import { own } from '../model/own.ts';

const MAX_VALUES = 64;
const MAX_LENGTH = 64;
/** as the kubelet names what it does not tell apart (pkg/kubelet/kubelet.go recordAdmissionRejection) */
export const OTHER = 'Other';

type Labels = Record<string, string | number>;

/**
 * Keeps the first values that each of these labels has; every other value, and one that is too long, becomes
 * `Other`.
 */
export function boundedLabels(open: readonly string[]): (labels: Labels) => Labels {
  const seen = new Map(open.map((label) => [label, new Set<string>()]));
  return (labels) => {
    let bounded = labels;
    for (const [label, values] of seen) {
      const value = String(own(labels, label) ?? '');
      if (values.has(value)) continue;
      if (value.length <= MAX_LENGTH && values.size < MAX_VALUES) values.add(value);
      else bounded = { ...bounded, [label]: OTHER };
    }
    return bounded;
  };
}

/** Reasons that the kubelet tells apart (pkg/kubelet/kubelet.go admissionRejectionReasons). */
const admissionReasons = new Set([
  'AppArmor',
  'PodOSSelectorNodeLabelDoesNotMatch',
  'PodOSNotSupported',
  'InvalidNodeInfo',
  'InitContainerRestartPolicyForbidden',
  'SupplementalGroupsPolicyNotSupported',
  'UnexpectedAdmissionError',
  'UnknownReason',
  'UnexpectedPredicateFailureType',
  'OutOfcpu',
  'OutOfmemory',
  'OutOfephemeral-storage',
  'OutOfpods',
  'PodLevelResourcesNotSupported',
  'PodFeatureUnsupported',
  "node(s) had taints that the pod didn't tolerate",
  'Evicted',
  'SysctlForbidden',
  'TopologyAffinityError',
  'NodeShutdown',
  'VolumeAttachmentLimitExceeded',
]);

/** The label of a pod that was not admitted: names of resources are the pods' to choose. */
export function admissionReason(reason: string): string {
  if (admissionReasons.has(reason)) return reason;
  return reason.startsWith('OutOf') ? 'OutOfExtendedResources' : OTHER;
}
