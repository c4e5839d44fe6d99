import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { configSchema } from '../config/schema.ts';
import { rightsFor } from './rights.ts';

interface Role {
  readonly kind: string;
  readonly metadata: { readonly namespace?: string };
  readonly rules?: readonly {
    readonly apiGroups: readonly string[];
    readonly resources: readonly string[];
    readonly verbs: readonly string[];
  }[];
}

const tls = { caFile: 'ca.crt', certFile: 'farlet.crt', keyFile: 'farlet.key' };
/** A configuration that needs every right. */
const everything = configSchema.parse({
  apiVersion: 'farlet.dev/v1alpha1',
  kind: 'FarletConfiguration',
  nodes: [
    { name: 'edge-1', staticPodPath: '/manifests', hosts: [{ name: 'a', endpoint: 'unix:///run/a.sock' }] },
    {
      name: 'edge-2',
      port: 10_251,
      hosts: ['b', 'c'].map((name) => ({ name, endpoint: `tcp://${name}:10010`, tls })),
    },
  ],
});

it('examples/rbac.yaml grants what farlet needs', () => {
  const roles = parseAllDocuments(readFileSync('examples/rbac.yaml', 'utf8')).map(
    (document) => document.toJS() as Role,
  );
  const wanted = rightsFor(everything);
  const lacking = wanted.filter(({ verb, resource, group = '', subresource = '', namespace = '' }) => {
    const full = subresource === '' ? resource : `${resource}/${subresource}`;
    return !roles.some(
      ({ kind, metadata, rules = [] }) =>
        (kind === 'ClusterRole' || (kind === 'Role' && metadata.namespace === namespace)) &&
        rules.some(
          ({ apiGroups, resources, verbs }) =>
            apiGroups.includes(group) && resources.includes(full) && verbs.includes(verb),
        ),
    );
  });
  assert.deepEqual(lacking, []);
});
