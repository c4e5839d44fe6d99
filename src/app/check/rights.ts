/** What farlet's account must be allowed; docs/rbac.md says what for. Pure. */
import type { Config, NodeConfig } from '../config/schema.ts';

export interface Right {
  /** `watch` stands for list and watch */
  readonly verb: string;
  readonly resource: string;
  readonly group?: string;
  readonly subresource?: string;
  readonly namespace?: string;
  /** of the objects that are meant, where it need not be all of them */
  readonly names?: readonly string[];
}

/**
 * Nothing more than what a farlet with this configuration asks of the API server by its own account: nodes
 * that have one of their own ask for what is theirs by that.
 */
export function rightsFor(config: Config): Right[] {
  const nodes = config.nodes.filter(({ kubeconfig }) => kubeconfig === undefined);
  return [
    ...ofProcess,
    ...when(nodes.length > 0, ofNodes(nodes)),
    ...ofCertificates(config, nodes),
    ...ofCallers(config),
  ];
}

const ofProcess: readonly Right[] = [
  { verb: 'get', resource: 'namespaces', names: ['kube-system'] },
  { verb: 'watch', resource: 'services' },
  { verb: 'watch', resource: 'runtimeclasses', group: 'node.k8s.io' },
];

function ofNodes(nodes: readonly NodeConfig[]): readonly Right[] {
  const names = nodes.map(({ name }) => name);
  const leases = { resource: 'leases', group: 'coordination.k8s.io', namespace: 'kube-node-lease' };
  const always: readonly Right[] = [
    { verb: 'create', resource: 'nodes' },
    { verb: 'get', resource: 'nodes', names },
    // labels, where they are not the configuration's
    { verb: 'patch', resource: 'nodes', names },
    // changes of it by others, and that it is deleted; by its name, which the API server takes for a name
    { verb: 'watch', resource: 'nodes', names },
    { verb: 'patch', resource: 'nodes', subresource: 'status', names },
    { verb: 'watch', resource: 'pods' },
    // after a write was refused: whether it is the pod that it was
    { verb: 'get', resource: 'pods' },
    { verb: 'delete', resource: 'pods' },
    { verb: 'patch', resource: 'pods', subresource: 'status' },
    { verb: 'watch', resource: 'configmaps' },
    { verb: 'watch', resource: 'secrets' },
    { verb: 'get', resource: 'persistentvolumeclaims' },
    { verb: 'get', resource: 'persistentvolumes' },
    { verb: 'create', resource: 'events' },
    { verb: 'patch', resource: 'events' },
    { verb: 'create', resource: 'serviceaccounts', subresource: 'token' },
    // the heartbeat, which tells as well whose the node is
    { verb: 'create', ...leases },
    { verb: 'get', ...leases, names },
    { verb: 'update', ...leases, names },
  ];
  return [
    ...always,
    // mirrors of static pods
    ...when(
      nodes.some(({ staticPodPath }) => staticPodPath !== undefined),
      [{ verb: 'create', resource: 'pods' }],
    ),
    // to drain hosts
    ...when(
      nodes.some(({ hosts }) => hosts.length > 1),
      [{ verb: 'create', resource: 'pods', subresource: 'eviction' }],
    ),
  ];
}

/** Certificates of the kubelet API are asked for by the node's account and approved by farlet's own. */
function ofCertificates(
  { serverTLSBootstrap, approveServingCertificates }: Config,
  nodes: readonly NodeConfig[],
): readonly Right[] {
  const requests = { resource: 'certificatesigningrequests', group: 'certificates.k8s.io' };
  return [
    ...when(serverTLSBootstrap && nodes.length > 0, [
      { verb: 'create', ...requests },
      { verb: 'get', ...requests },
    ]),
    ...when(approveServingCertificates, [
      { verb: 'update', ...requests, subresource: 'approval' },
      {
        verb: 'approve',
        resource: 'signers',
        group: 'certificates.k8s.io',
        names: ['kubernetes.io/kubelet-serving'],
      },
    ]),
  ];
}

/** Who calls the kubelet API, and whether they may. */
function ofCallers({ authentication, authorization }: Config): readonly Right[] {
  return [
    ...when(authentication.webhook.enabled, [
      { verb: 'create', resource: 'tokenreviews', group: 'authentication.k8s.io' },
    ]),
    ...when(authorization.mode === 'Webhook', [
      { verb: 'create', resource: 'subjectaccessreviews', group: 'authorization.k8s.io' },
    ]),
  ];
}

function when(condition: boolean, rights: readonly Right[]): readonly Right[] {
  return condition ? rights : [];
}
