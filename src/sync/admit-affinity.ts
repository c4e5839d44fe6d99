/** A pod's node selector and required node affinity (component-helpers/scheduling/corev1/nodeaffinity). Pure. */
import type { Pod } from '../model/kube.ts';

interface Requirement {
  readonly key: string;
  readonly operator: string;
  readonly values?: readonly string[];
}

export function matchesNode(
  pod: Pod,
  node: { readonly name: string; readonly labels: Readonly<Record<string, string>> },
): boolean {
  if (!Object.entries(pod.spec.nodeSelector ?? {}).every(([key, value]) => node.labels[key] === value))
    return false;
  const terms =
    pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  if (terms === undefined) return true;
  const fields = { 'metadata.name': node.name };
  // an empty term matches nothing
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
      return compare(value, values, (a, b) => a > b);
    case 'Lt':
      return compare(value, values, (a, b) => a < b);
    default:
      return false;
  }
}

function compare(
  value: string | undefined,
  values: readonly string[],
  holds: (a: bigint, b: bigint) => boolean,
): boolean {
  const [wanted] = values;
  if (value === undefined || wanted === undefined || values.length !== 1) return false;
  const integer = /^[+-]?\d+$/;
  return integer.test(value) && integer.test(wanted) && holds(BigInt(value), BigInt(wanted));
}
