/** Paths of the API resources that farlet uses. Names are encoded. */
const core = '/api/v1';

function namespaced(resource: string, namespace: string, name?: string): string {
  return `${core}/namespaces/${encodeURIComponent(namespace)}/${resource}${name === undefined ? '' : `/${encodeURIComponent(name)}`}`;
}

export const paths = {
  pods: `${core}/pods`,
  podsIn: (namespace: string) => namespaced('pods', namespace),
  pod: (namespace: string, name: string) => namespaced('pods', namespace, name),
  podStatus: (namespace: string, name: string) => `${namespaced('pods', namespace, name)}/status`,
  podEviction: (namespace: string, name: string) => `${namespaced('pods', namespace, name)}/eviction`,
  configMaps: (namespace: string) => namespaced('configmaps', namespace),
  configMap: (namespace: string, name: string) => namespaced('configmaps', namespace, name),
  secrets: (namespace: string) => namespaced('secrets', namespace),
  secret: (namespace: string, name: string) => namespaced('secrets', namespace, name),
  persistentVolumeClaim: (namespace: string, name: string) =>
    namespaced('persistentvolumeclaims', namespace, name),
  persistentVolume: (name: string) => `${core}/persistentvolumes/${encodeURIComponent(name)}`,
  services: `${core}/services`,
  events: (namespace: string) => namespaced('events', namespace),
  allEvents: `${core}/events`,
  event: (namespace: string, name: string) => namespaced('events', namespace, name),
  namespace: (name: string) => `${core}/namespaces/${encodeURIComponent(name)}`,
  token: (namespace: string, serviceAccount: string) =>
    `${namespaced('serviceaccounts', namespace, serviceAccount)}/token`,
  nodes: `${core}/nodes`,
  node: (name: string) => `${core}/nodes/${encodeURIComponent(name)}`,
  nodeStatus: (name: string) => `${core}/nodes/${encodeURIComponent(name)}/status`,
  leases: '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases',
  lease: (name: string) =>
    `/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/${encodeURIComponent(name)}`,
  runtimeClasses: '/apis/node.k8s.io/v1/runtimeclasses',
  certificateSigningRequests: '/apis/certificates.k8s.io/v1/certificatesigningrequests',
  certificateSigningRequest: (name: string) =>
    `/apis/certificates.k8s.io/v1/certificatesigningrequests/${encodeURIComponent(name)}`,
  certificateApproval: (name: string) =>
    `/apis/certificates.k8s.io/v1/certificatesigningrequests/${encodeURIComponent(name)}/approval`,
  tokenReviews: '/apis/authentication.k8s.io/v1/tokenreviews',
  subjectAccessReviews: '/apis/authorization.k8s.io/v1/subjectaccessreviews',
  selfSubjectReviews: '/apis/authentication.k8s.io/v1/selfsubjectreviews',
  selfSubjectAccessReviews: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
} as const;
