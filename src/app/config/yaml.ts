import { parseAllDocuments, stringify } from 'yaml';

/**
 * The first document of a YAML text, or of JSON, which YAML contains: what the kubelet reads of a manifest
 * file (apimachinery util/yaml ToJSON). Throws an Error whose message names line and column.
 */
export function parseYaml(text: string): unknown {
  const documents = parseAllDocuments(text);
  const [first] = documents;
  if (first === undefined) return undefined;
  const [problem] = first.errors;
  if (problem !== undefined) throw new Error(problem.message, { cause: problem });
  return first.toJS({ maxAliasCount: 100 }) as unknown;
}

/** Without anchors: what it is read by may be a person, or know none. */
export function yamlText(value: object): string {
  return stringify(value, { aliasDuplicateObjects: false });
}
