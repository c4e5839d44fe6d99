import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { rbacManifest } from './rbac-manifest.ts';
import { rightsFor } from './rights.ts';
import { parseConfig } from '../config/load.ts';

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly rules?: readonly {
    readonly apiGroups: readonly string[];
    readonly resources: readonly string[];
    readonly resourceNames?: readonly string[];
    readonly verbs: readonly string[];
  }[];
}

const config = parseConfig(
  `apiVersion: farlet.dev/v1alpha1
kind: FarletConfiguration
nodes:
- {name: edge-1, hosts: [{name: h, endpoint: "unix:///run/c.sock"}]}
- {name: edge-2, port: 10251, rootDir: /var/lib/farlet-2, cgroupRoot: /two, hosts: [{name: h, endpoint: "unix:///run/d.sock"}]}
`,
  'f.yaml',
);
const manifests = parseAllDocuments(rbacManifest(config)).map((document) => document.toJS() as Manifest);

describe('what farlet check --print-rbac prints', () => {
  it('is a role and its binding, for the cluster and for the namespace of leases', () => {
    assert.deepEqual(
      manifests.map(({ kind, metadata }) => [kind, metadata.name, metadata.namespace]),
      [
        ['ClusterRole', 'farlet', undefined],
        ['ClusterRoleBinding', 'farlet', undefined],
        ['Role', 'farlet', 'kube-node-lease'],
        ['RoleBinding', 'farlet', 'kube-node-lease'],
      ],
    );
  });

  it('grants each right that the configuration needs, and no other', () => {
    const granted = manifests.flatMap(({ metadata, rules = [] }) =>
      rules.flatMap(({ apiGroups, resources, resourceNames, verbs }) =>
        verbs.map((verb) => [metadata.namespace, apiGroups, resources, resourceNames, verb]),
      ),
    );
    const needed = rightsFor(config).flatMap(
      ({ verb, resource, group = '', subresource, namespace, names }) =>
        (verb === 'watch' ? ['list', 'watch'] : [verb]).map((each) => [
          namespace,
          [group],
          [subresource === undefined ? resource : `${resource}/${subresource}`],
          names,
          each,
        ]),
    );
    const sorted = (rows: readonly unknown[]): string[] => rows.map((row) => JSON.stringify(row)).sort();
    assert.deepEqual(sorted(granted), sorted(needed));
  });

  it('holds what can be held to names', () => {
    const status = manifests[0]?.rules?.find(({ resources }) => resources.includes('nodes/status'));
    assert.deepEqual(status?.resourceNames, ['edge-1', 'edge-2']);
  });
});
