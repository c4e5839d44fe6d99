/** The Node object as farlet makes and keeps it (pkg/kubelet/kubelet_node_status.go). Pure. */
import type { HostFacts } from '../hosts/facts.ts';
import type { RuntimeInfo } from '../hosts/runtime-host.ts';
import type { KubeNode, NodeCondition, NodeStatus, Taint } from '../model/kube.ts';
import { isExtendedResource } from '../model/extended-resource.ts';
import { thresholdAmountOf, thresholdValue } from '../model/eviction-thresholds.ts';
import { own } from '../model/own.ts';
import { configuredKey, configuredText } from './configured.ts';
import { addQuantities, quantityOf, scaledValue, type Quantity } from '../model/quantity.ts';
import { canonicalText, quantity, storedText } from '../model/quantity-text.ts';

/** The kubelet whose behaviour farlet has; clients compare it with the control plane's version. */
export const kubeletVersion = 'v1.36.3';

/**
 * What the scheduler, admission and the API server ask of nodes before they let a pod need it (KEP-5328;
 * component-helpers/nodedeclaredfeatures). With ExtendWebSocketsToKubelet the API server hands WebSockets on
 * as they are.
 */
const declaredFeatures: readonly string[] = [
  'ExtendWebSocketsToKubelet',
  'InPlacePodLevelResourcesVerticalScaling',
  'InPlacePodVerticalScalingInitContainers',
  'RestartAllContainersOnContainerExits',
];

export interface NodeIdentity {
  readonly name: string;
  /**
   * where the API server reaches the kubelet API: one a family, the main one first; undefined: at the
   * addresses of its host
   */
  readonly ips: readonly string[] | undefined;
  readonly port: number;
  readonly labels: Readonly<Record<string, string>>;
  /** labels of its hosts that pods may choose by: kept as the configuration has them */
  readonly hostLabels: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
  readonly maxPods: number;
  readonly systemReserved: Readonly<Record<string, string>>;
  readonly kubeReserved: Readonly<Record<string, string>>;
  readonly evictionHard: Readonly<Record<string, string>>;
}

export function defaultLabels(identity: NodeIdentity, architecture: string): Record<string, string> {
  return {
    'beta.kubernetes.io/arch': architecture,
    'beta.kubernetes.io/os': 'linux',
    'kubernetes.io/arch': architecture,
    'kubernetes.io/hostname': identity.name,
    'kubernetes.io/os': 'linux',
    type: 'virtual-kubelet',
    ...identity.hostLabels,
    'node.kubernetes.io/exclude-from-external-load-balancers': 'true',
  };
}

/** What a node can't be without, where it is not as it should be: put back with the status (updateNode). */
export function requiredLabels(
  labels: Readonly<Record<string, string>> | undefined,
  architecture: string,
): Record<string, string> | undefined {
  const required = { 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': architecture };
  return Object.entries(required).every(([key, value]) => own(labels, key) === value) ? undefined : required;
}

export function newNode(identity: NodeIdentity, facts: HostFacts, status: NodeStatus): KubeNode {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: identity.name,
      labels: { ...defaultLabels(identity, facts.architecture), ...identity.labels },
      annotations: {
        'volumes.kubernetes.io/controller-managed-attach-detach': 'true',
        [configuredKey]: configuredText(identity),
      },
    },
    spec: { taints: [...identity.taints] },
    status,
  };
}

export interface StatusParts {
  readonly identity: NodeIdentity;
  /** of the host that nodeInfo tells of */
  readonly facts: HostFacts;
  readonly capacity: Readonly<Record<string, string>>;
  readonly allocatable: Readonly<Record<string, string>>;
  /** of its hosts */
  readonly hostAddresses: readonly string[];
  readonly runtime: RuntimeInfo | undefined;
  readonly images: NonNullable<NodeStatus['images']>;
  readonly conditions: readonly NodeCondition[];
}

/** What farlet says of a Node; the rest of its status, as what is attached to it, is for others to say. */
const ownFields: ReadonlySet<string> = new Set([
  ...['addresses', 'capacity', 'allocatable', 'conditions', 'daemonEndpoints', 'declaredFeatures', 'images'],
  ...['nodeInfo', 'runtimeHandlers', 'features'],
]);

/** A status of farlet's with what others said in the one before. */
export function withOthers(status: NodeStatus, before: NodeStatus): NodeStatus {
  const others = Object.entries(before).filter(([field]) => !ownFields.has(field));
  return { ...Object.fromEntries(others), ...status };
}

export function nodeStatus(parts: StatusParts): NodeStatus {
  const { identity, facts, hostAddresses, runtime, images, conditions, capacity, allocatable } = parts;
  return {
    addresses: nodeAddresses(identity, hostAddresses),
    capacity: { ...capacity },
    allocatable: { ...allocatable },
    conditions: [...conditions],
    daemonEndpoints: { kubeletEndpoint: { Port: identity.port } },
    declaredFeatures: [...declaredFeatures],
    images: [...images],
    nodeInfo: {
      architecture: facts.architecture,
      bootID: facts.bootID,
      containerRuntimeVersion: runtime === undefined ? 'Unknown' : `${runtime.name}://${runtime.version}`,
      kernelVersion: facts.kernelVersion,
      kubeProxyVersion: '',
      kubeletVersion,
      machineID: facts.machineID,
      operatingSystem: 'linux',
      osImage: facts.osImage,
      systemUUID: facts.systemUUID,
      ...(facts.swapBytes > 0 ? { swap: { capacity: facts.swapBytes } } : {}),
    },
    ...(runtime === undefined || runtime.handlers.length === 0
      ? {}
      : {
          runtimeHandlers: runtime.handlers.map(({ name, recursiveReadOnlyMounts, userNamespaces }) => ({
            name,
            features: { recursiveReadOnlyMounts, userNamespaces },
          })),
          features: { supplementalGroupsPolicy: runtime.supplementalGroupsPolicy },
        }),
  };
}

/**
 * InternalIP is where the kubelet API is; where its hosts are, if that is elsewhere, is ExternalIP
 * (docs/adr/0026).
 */
function nodeAddresses(
  { name, ips = [] }: NodeIdentity,
  hostAddresses: readonly string[],
): NonNullable<NodeStatus['addresses']> {
  const others = [...new Set(hostAddresses.filter((address) => !ips.includes(address)))];
  const elsewhere = ips.length === 0 ? 'InternalIP' : 'ExternalIP';
  return [
    ...ips.map((address) => ({ type: 'InternalIP', address })),
    ...others.map((address) => ({ type: elsewhere, address })),
    { type: 'Hostname', address: name },
  ];
}

/** What one host has. */
export function hostCapacity(
  identity: Pick<NodeIdentity, 'maxPods'>,
  facts: HostFacts,
): Record<string, string> {
  return {
    cpu: String(facts.cpus),
    'ephemeral-storage': canonicalText(`${Math.floor(facts.nodefs.capacityBytes / 1024)}Ki`),
    ...Object.fromEntries(
      [...facts.hugePages].map(([kib, count]) => [
        `hugepages-${hugePageName(kib)}`,
        hugePageAmount(kib * count),
      ]),
    ),
    memory: canonicalText(`${Math.floor(facts.memoryBytes / 1024)}Ki`),
    pods: String(identity.maxPods),
  };
}

function hugePageName(kib: number): string {
  return kib >= 1024 * 1024 ? `${kib / 1024 / 1024}Gi` : `${kib / 1024}Mi`;
}

function hugePageAmount(kib: number): string {
  return canonicalText(`${kib}Ki`);
}

/**
 * Capacity less reservations, what eviction keeps free, and for memory every huge page
 * (GetNodeAllocatableReservation).
 */
export function nodeAllocatable(
  { systemReserved, kubeReserved, evictionHard }: Reserved,
  capacity: Readonly<Record<string, string>>,
): Record<string, string> {
  const hugePages = Object.entries(capacity)
    .filter(([name]) => name.startsWith('hugepages-'))
    .map(([, amount]) => quantity(amount));
  return Object.fromEntries(
    Object.entries(capacity).map(([name, text]) => {
      const whole = quantity(text);
      const taken = [
        quantity(own(systemReserved, name)),
        quantity(own(kubeReserved, name)),
        ...keptFree(own(evictionSignals, name), evictionHard, whole),
        ...(name === 'memory' ? hugePages : []),
      ];
      const rest = taken.reduce((left, amount) => addQuantities(left, negative(amount)), whole);
      return [name, rest.unscaled < 0n ? '0' : storedText(rest)];
    }),
  );
}

const evictionSignals: Readonly<Record<string, string>> = {
  memory: 'memory.available',
  'ephemeral-storage': 'nodefs.available',
};

function keptFree(
  signal: string | undefined,
  evictionHard: Readonly<Record<string, string>>,
  capacity: Quantity,
): Quantity[] {
  const threshold = signal === undefined ? undefined : thresholdValue(own(evictionHard, signal) ?? '');
  if (threshold === undefined) return [];
  if (threshold.kind === 'amount') return [quantity(threshold.text)];
  return [quantityOf(BigInt(thresholdAmountOf(threshold, Number(scaledValue(capacity, 0)))), 0, 'BinarySI')];
}

function negative(amount: Quantity): Quantity {
  return { ...amount, unscaled: -amount.unscaled };
}

type Reserved = Pick<NodeIdentity, 'systemReserved' | 'kubeReserved' | 'evictionHard'>;

/** Resources that others told the Node of, which stay. */
export function extendedResources(
  resources: Readonly<Record<string, string>> | undefined,
): Record<string, string> {
  return Object.fromEntries(Object.entries(resources ?? {}).filter(([name]) => isExtendedResource(name)));
}
