/**
 * Why a pod is rejected: the reason of the event, and status.reason of the pod. docs/events.md lists them.
 */
import type { EventRow } from './event-row.ts';

const about = { type: 'Warning', about: 'Pod' } as const;
const handlers = 'pkg/kubelet/lifecycle/handlers.go';
const predicates = 'pkg/kubelet/lifecycle/predicate.go';

export const admissionTable = {
  AppArmor: {
    ...about,
    meaning: 'The pod asks for an AppArmor profile and the host has no AppArmor.',
    source: handlers,
  },
  Evicted: {
    ...about,
    meaning: 'The pod was evicted because the node is short of a resource, or rejected while it is.',
    source: 'pkg/kubelet/eviction/eviction_manager.go',
  },
  NoHost: {
    ...about,
    meaning: 'No host of the node can take the pod.',
    advice: 'Each host with its reason is in the message; see pools.md.',
    source: 'farlet',
  },
  NodeAffinity: {
    ...about,
    meaning: "The node's labels do not match the pod's nodeSelector or required node affinity.",
    source: predicates,
  },
  NodeLeaving: {
    ...about,
    meaning: 'The node is being taken away (`farlet drain --delete`), and nothing new is run there.',
    advice: 'Nothing: its controller makes it again elsewhere. farlet uncordon lets pods in again.',
    source: 'farlet',
  },
  NodeName: { ...about, meaning: 'The pod is bound to a node of another name.', source: predicates },
  NodePorts: { ...about, meaning: 'Another pod of the node has the same host port.', source: predicates },
  'OutOf<resource>': {
    ...about,
    meaning: 'The node has too little of the resource left for the pod, such as `OutOfcpu` or `OutOfpods`.',
    source: predicates,
  },
  PodFeatureUnsupported: {
    ...about,
    meaning: 'The pod needs a feature that the node does not have.',
    source: handlers,
  },
  PodOSNotSupported: {
    ...about,
    meaning: 'The pod names an operating system other than Linux.',
    source: predicates,
  },
  PodOSSelectorNodeLabelDoesNotMatch: {
    ...about,
    meaning: 'The pod selects nodes of another operating system.',
    source: predicates,
  },
  RuntimeHandlerMissing: {
    ...about,
    meaning: "A host of the node lacks the runtime handler that the pod's RuntimeClass names.",
    advice: "Configure the handler in the host's runtime, or change the RuntimeClass.",
    source: 'farlet',
  },
  RuntimeHandlerNotFound: {
    ...about,
    meaning: "The host's runtime does not have the handler that the pod's RuntimeClass names.",
    advice: "Configure the handler in the host's runtime, or set the RuntimeClass's scheduling.nodeSelector.",
    source: 'farlet',
  },
  RuntimeHandlerUnsupported: {
    ...about,
    meaning:
      'The pod needs the kernel of its host, and its runtime handler gives pods a kernel of their own.',
    advice: 'Remove the field that the message names, or use another RuntimeClass.',
    source: 'farlet',
  },
  SMTAlignmentError: {
    ...about,
    meaning: 'Exclusive CPUs must be whole cores, and the pod asks for part of one or too few are free.',
    source: 'pkg/kubelet/cm/cpumanager/policy_static.go',
  },
  SupplementalGroupsPolicyNotSupported: {
    ...about,
    meaning: 'The pod asks for supplementalGroupsPolicy Strict and the runtime does not have it.',
    source: predicates,
  },
  SysctlForbidden: {
    ...about,
    meaning: 'The pod sets a sysctl that is neither safe nor in allowedUnsafeSysctls.',
    source: 'pkg/kubelet/sysctl/allowlist.go',
  },
  TaintToleration: {
    ...about,
    meaning: 'The pod does not tolerate a NoExecute taint of the node.',
    source: predicates,
  },
  UnexpectedAdmissionError: {
    ...about,
    meaning: 'Preemption or the CPU manager could not make room for the pod.',
    source: predicates,
  },
} as const satisfies Readonly<Record<string, EventRow>>;

/** The resource is part of the reason, and pods may name any. */
export type AdmissionReason = keyof typeof admissionTable | `OutOf${string}`;
