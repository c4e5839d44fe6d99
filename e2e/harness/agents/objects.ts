/** What the manifests of agents share. */

export interface Named {
  readonly name: string;
  readonly namespace: string;
}

/** Gives the ServiceAccount of this name a ClusterRole. */
export function grant({ name, namespace }: Named, role: string): object {
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: `${namespace}:${name}` },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
    subjects: [{ kind: 'ServiceAccount', name, namespace }],
  };
}

export function clusterRole(name: string, rules: readonly object[]): object {
  return { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name }, rules };
}

export function json(value: object): string {
  return JSON.stringify(value, undefined, 2);
}
