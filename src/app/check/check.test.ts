import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { permissions, poolPermissions } from './check.ts';

interface Role {
  readonly kind: string;
  readonly metadata: { readonly namespace?: string };
  readonly rules?: readonly {
    readonly apiGroups: readonly string[];
    readonly resources: readonly string[];
    readonly verbs: readonly string[];
  }[];
}

it('examples/rbac.yaml grants what farlet needs', () => {
  const roles = parseAllDocuments(readFileSync('examples/rbac.yaml', 'utf8')).map(
    (document) => document.toJS() as Role,
  );
  interface Right {
    readonly verb: string;
    readonly resource: string;
    readonly group?: string;
    readonly subresource?: string;
    readonly namespace?: string;
  }
  const wanted: readonly Right[] = [...permissions, ...poolPermissions];
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
