/** Reasons of events on the Node. docs/events.md lists them. */
import type { EventRow } from './event-row.ts';

const setters = 'pkg/kubelet/nodestatus/setters.go';
const status = 'pkg/kubelet/kubelet_node_status.go';
const enforcement = 'pkg/kubelet/cm/node_container_manager_linux.go';
const imageGc = 'pkg/kubelet/images/image_gc_manager.go';

const normal = { type: 'Normal', about: 'Node' } as const;
const warning = { type: 'Warning', about: 'Node' } as const;

export const nodeEventTable = {
  Starting: { ...normal, meaning: 'farlet has registered the node.', source: 'pkg/kubelet/kubelet.go' },
  NodeReady: { ...normal, meaning: 'The condition Ready became True.', source: setters },
  NodeNotReady: { ...normal, meaning: 'The condition Ready became False.', source: setters },
  NodeHasInsufficientMemory: {
    ...normal,
    meaning: 'The condition MemoryPressure became True.',
    source: setters,
  },
  NodeHasSufficientMemory: {
    ...normal,
    meaning: 'The condition MemoryPressure became False.',
    source: setters,
  },
  NodeHasDiskPressure: { ...normal, meaning: 'The condition DiskPressure became True.', source: setters },
  NodeHasNoDiskPressure: { ...normal, meaning: 'The condition DiskPressure became False.', source: setters },
  NodeHasInsufficientPID: { ...normal, meaning: 'The condition PIDPressure became True.', source: setters },
  NodeHasSufficientPID: { ...normal, meaning: 'The condition PIDPressure became False.', source: setters },
  NodeNotSchedulable: { ...normal, meaning: 'The node was cordoned.', source: status },
  NodeSchedulable: { ...normal, meaning: 'The node was uncordoned.', source: status },
  Rebooted: {
    ...warning,
    meaning: 'The host has another boot id than before; its pods are started again.',
    source: status,
  },
  NodeAllocatableEnforced: {
    ...normal,
    meaning: 'The cgroups that bound all pods together were made or updated.',
    source: enforcement,
  },
  FailedNodeAllocatableEnforcement: {
    ...warning,
    meaning: 'The cgroups of the node could not be made; pods with cgroups of their own wait for them.',
    source: enforcement,
  },
  EvictionThresholdMet: {
    ...warning,
    meaning: 'The node is short of a resource and tries to reclaim it.',
    source: 'pkg/kubelet/eviction/eviction_manager.go',
  },
  ImageGCFailed: {
    ...warning,
    meaning: 'The collection of images failed twice in a row or more.',
    source: 'pkg/kubelet/kubelet.go',
  },
  FreeDiskSpaceFailed: {
    ...warning,
    meaning: 'The disk of images is too full and too few images can be removed.',
    source: imageGc,
  },
  InvalidDiskCapacity: { ...warning, meaning: 'The disk of images reports no capacity.', source: imageGc },
  CheckLimitsForResolvConf: {
    ...warning,
    meaning: "The host's resolver file has more or longer search domains than pods can have.",
    source: 'pkg/kubelet/network/dns/dns.go',
  },
  FarletFault: {
    ...warning,
    about: 'Pod or Node',
    meaning: "An unexpected exception in farlet's own code stopped this part; it is tried again.",
    advice: 'Nothing at once; the log has the stack: please report it. farlet_faults_total counts them.',
    source: 'farlet',
  },
  OwnedByAnother: {
    ...warning,
    meaning: 'This farlet waits for a node that another farlet runs.',
    advice: 'Stop the other one, or give one of the two another node name; see operations.md.',
    source: 'farlet',
  },
  NodeDeleted: {
    ...warning,
    meaning: 'The Node object was deleted; farlet registered it again, cordoned if it was.',
    advice: 'Remove the node from the configuration if it is not wanted.',
    source: 'farlet',
  },
  ServingCertificateNotSigned: {
    ...warning,
    meaning: 'With serverTLSBootstrap: nobody has approved the request for a certificate, or it was refused.',
    advice:
      'kubectl certificate approve NAME, with the name in the message, or approveServingCertificates: true.',
    source: 'farlet',
  },
  ServingCertificateSigned: {
    ...normal,
    meaning: 'The kubelet API takes a certificate that the cluster has signed, after it had none.',
    advice: 'Nothing.',
    source: 'farlet',
  },
  KubeletAPINotOnHost: {
    ...warning,
    meaning: "With kubeletAPI: host, the host's address does not lead to farlet: no logs, no exec.",
    advice: 'The message has the reason; hosts.md says what sshd must allow.',
    source: 'farlet',
  },
  KubeletAPIOnHost: {
    ...normal,
    meaning: "The host's address leads to farlet's kubelet API, after it did not.",
    advice: 'Nothing.',
    source: 'farlet',
  },
  HostNotReady: {
    ...warning,
    about: 'Pod or Node',
    meaning: 'A host of a node of several hosts cannot run pods, or a pod cannot be placed on one yet.',
    advice: 'The message has the reason.',
    source: 'farlet',
  },
  CPUManagerNotStarted: {
    ...warning,
    meaning: 'Exclusive CPUs cannot be managed, and no pod is admitted until they can.',
    advice: 'The message has the reason.',
    source: 'farlet',
  },
} as const satisfies Readonly<Record<string, EventRow>>;

export type NodeEventReason = keyof typeof nodeEventTable;
