/**
 * The reference of every configuration key, made from the schema, so that it can't say anything else. Pure.
 */
import { z } from 'zod';
import { configSchema } from './schema.ts';

/** A JSON schema, as zod makes it. */
export interface Shape {
  readonly type?: string;
  readonly const?: string | number | boolean;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly required?: readonly string[];
  readonly items?: Shape;
  readonly additionalProperties?: Shape | boolean;
  readonly anyOf?: readonly Shape[];
}

/** A line of a table of keys. */
export interface Row {
  readonly key: string;
  readonly value: string;
  readonly byDefault: string;
  readonly meaning: string;
}

const intro = `# Configuration

\`farlet run --config FILE\` reads one YAML file. This page is what \`farlet config\` prints: it is made from the schema
that the file is checked against. Durations are written as \`10s\` or \`1m30s\`, quantities as \`100Mi\`. A key that
KubeletConfiguration has keeps its name, form and default here.

The file may change while farlet runs; it is checked every 5 s. \`logLevel\`, \`labels\`, \`registerWithTaints\` and \`drain\`
take effect at once; nodes that are added, removed or otherwise changed do so without a restart of the others or of any
container. All other keys, and \`rootDir\`, \`cgroupRoot\`, \`kubeconfig\` and \`providerID\` of a node, count from the next start: the log names
them. A file that is wrong changes nothing ([how it goes](operations.md#another-configuration)).
`;

/** Markdown: one table of every key, nested keys with their path. */
export function configReference(): string {
  const shape = z.toJSONSchema(configSchema, { io: 'input' }) as Shape;
  return `${intro}\n${tableOf(rowsOf(shape, ''))}\n`;
}

/** Markdown, without a line's end after the last row. */
export function tableOf(rows: readonly Row[]): string {
  return [
    '| key | value | default | meaning |',
    '| --- | --- | --- | --- |',
    ...rows.map(({ key, value, byDefault, meaning }) =>
      ['', ...[`\`${key}\``, value, byDefault, meaning].map(cell), ''].join('|'),
    ),
  ].join('\n');
}

/** Every key of an object, those below it with their path. */
export function rowsOf(shape: Shape, prefix: string): Row[] {
  return Object.entries(shape.properties ?? {}).flatMap(([name, each]) => {
    const key = `${prefix}${name}`;
    const required = shape.required?.includes(name) === true && each.default === undefined;
    const row = {
      key,
      value: valueText(each),
      byDefault: defaultText(each, required),
      meaning: each.description ?? '',
    };
    const nested = each.type === 'array' ? each.items : each;
    const below =
      nested?.properties === undefined ? [] : rowsOf(nested, `${key}${each.type === 'array' ? '[]' : ''}.`);
    return below.length > 0 && each.type !== 'array' && row.meaning === '' ? below : [row, ...below];
  });
}

function defaultText({ default: value }: Shape, required: boolean): string {
  if (required) return '**required**';
  if (value === undefined || isEmpty(value)) return '';
  return `\`${typeof value === 'string' ? value || '""' : JSON.stringify(value)}\``;
}

function isEmpty(value: unknown): boolean {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0
  );
}

function valueText(shape: Shape): string {
  if (shape.const !== undefined) return `\`${String(shape.const)}\``;
  if (shape.enum !== undefined) return shape.enum.map((each) => `\`${String(each)}\``).join(', ');
  if (shape.anyOf !== undefined) return shape.anyOf.map(valueText).join(' or ');
  if (shape.type === 'array')
    return `list of ${shape.items === undefined ? 'values' : valueText(shape.items)}`;
  if (shape.type === 'object')
    return typeof shape.additionalProperties === 'object'
      ? `map of ${valueText(shape.additionalProperties)}`
      : 'object';
  return shape.type ?? 'value';
}

/** A bar would end the cell. */
function cell(text: string): string {
  return text === '' ? ' ' : ` ${text.replaceAll('|', '\\|').replaceAll('\n', ' ')} `;
}
