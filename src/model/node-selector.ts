/** Node selector terms, of pods' affinity and of volumes' (component-helpers/scheduling/corev1/nodeaffinity). Pure. */

interface Requirement {
  readonly key: string;
  readonly operator: string;
  readonly values?: readonly string[];
}

export interface NodeSelectorTerm {
  readonly matchExpressions?: readonly Requirement[];
  readonly matchFields?: readonly Requirement[];
}

/** Whether one of the terms holds; a term without requirements never does. */
export function matchesNode(
  terms: readonly NodeSelectorTerm[],
  node: { readonly name: string; readonly labels: Readonly<Record<string, string>> },
): boolean {
  const fields = { 'metadata.name': node.name };
  return terms.some(
    ({ matchExpressions = [], matchFields = [] }) =>
      matchExpressions.length + matchFields.length > 0 &&
      matchExpressions.every((each) => satisfies(each, node.labels)) &&
      matchFields.every((each) => satisfies(each, fields)),
  );
}

function satisfies(
  { key, operator, values = [] }: Requirement,
  labels: Readonly<Record<string, string>>,
): boolean {
  const value = labels[key];
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return value !== undefined && Number(value) > Number(values[0]);
    case 'Lt':
      return value !== undefined && Number(value) < Number(values[0]);
    default:
      return false;
  }
}
