/**
 * Node selector terms, of pods' affinity and of volumes' (component-helpers/scheduling/corev1/nodeaffinity).
 * Pure.
 */
import { own } from './own.ts';

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
export function matchesTerms(
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
  const value = own(labels, key);
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
  const [a, b] = [parseInt64(value), parseInt64(wanted)];
  return a !== undefined && b !== undefined && holds(a, b);
}

/** strconv.ParseInt(text, 10, 64); undefined where it fails. */
function parseInt64(text: string): bigint | undefined {
  if (!/^[+-]?\d+$/.test(text) || text.length > 1024) return undefined;
  const value = BigInt(text);
  return BigInt.asIntN(64, value) === value ? value : undefined;
}
