/** Roles that grant what a configuration needs, and nothing else, ready for kubectl. Pure. */
import { rightsFor, type Right } from './rights.ts';
import type { Config } from '../config/schema.ts';
import { yamlText } from '../config/yaml.ts';

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

const rbac = 'rbac.authorization.k8s.io';

/**
 * A ClusterRole, a Role for each namespace that has rights of its own, and their bindings to the
 * ServiceAccount `farlet` of the namespace `farlet`.
 */
export function rbacManifest(config: Config): string {
  const rights = rightsFor(config);
  const namespaces = [...new Set(rights.map(({ namespace }) => namespace))];
  const objects = namespaces.flatMap((namespace) => {
    const kind = namespace === undefined ? 'ClusterRole' : 'Role';
    const metadata = { name: 'farlet', ...(namespace === undefined ? {} : { namespace }) };
    const rules = rulesOf(rights.filter((right) => right.namespace === namespace));
    return [
      { apiVersion: `${rbac}/v1`, kind, metadata, rules },
      {
        apiVersion: `${rbac}/v1`,
        kind: `${kind}Binding`,
        metadata,
        roleRef: { apiGroup: rbac, kind, name: 'farlet' },
        subjects: [{ kind: 'ServiceAccount', name: 'farlet', namespace: 'farlet' }],
      },
    ];
  });
  return objects.map((object) => yamlText(object)).join('---\n');
}

/** Rights to the same objects are one rule. */
function rulesOf(rights: readonly Right[]): Rule[] {
  const rules = new Map<string, { rule: Omit<Rule, 'verbs'>; verbs: Set<string> }>();
  for (const { verb, resource, group = '', subresource, names } of rights) {
    const rule = {
      apiGroups: [group],
      resources: [subresource === undefined ? resource : `${resource}/${subresource}`],
      ...(names === undefined ? {} : { resourceNames: names }),
    };
    const key = JSON.stringify(rule);
    const entry = rules.get(key) ?? { rule, verbs: new Set() };
    for (const each of verb === 'watch' ? ['list', 'watch'] : [verb]) entry.verbs.add(each);
    rules.set(key, entry);
  }
  return [...rules.values()].map(({ rule, verbs }) => ({ ...rule, verbs: [...verbs] }));
}
