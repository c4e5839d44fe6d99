/** Metrics made of rows of the table. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { boundedLabels } from './bounded-labels.ts';
import { standard, type Row } from './metric-table.ts';

export type Families<Table extends Record<string, Row>> = {
  readonly [Name in keyof Table]: Table[Name]['kind'] extends 'counter'
    ? Counter
    : Table[Name]['kind'] extends 'gauge'
      ? Gauge
      : Histogram;
};

export function makeFamilies<Table extends Record<string, Row>>(
  table: Table,
  registry: Registry,
): Families<Table> {
  return Object.fromEntries(
    Object.entries(table).map(([name, row]) => [name, bounded(family(name, row, registry), row)]),
  ) as unknown as Families<Table>;
}

function family(name: string, row: Row, registry: Registry): Counter | Gauge | Histogram {
  const shape = { name, help: row.help, labelNames: [...(row.labels ?? [])], registers: [registry] };
  switch (row.kind) {
    case 'counter':
      return new Counter(shape);
    case 'gauge':
      return new Gauge(shape);
    case 'histogram':
      return new Histogram({ ...shape, buckets: [...(row.buckets ?? standard)] });
  }
}

type Told = (labels: Record<string, string | number>, value?: number) => void;

/** Where labels are others' words, every way to tell a value goes through the bound. */
function bounded(metric: Counter | Gauge | Histogram, { open = [] }: Row): Counter | Gauge | Histogram {
  if (open.length === 0) return metric;
  const bind = boundedLabels(open);
  const ways = metric as unknown as Partial<Record<'inc' | 'dec' | 'set' | 'observe', Told>>;
  for (const way of ['inc', 'dec', 'set', 'observe'] as const) {
    const tell = ways[way]?.bind(metric);
    if (tell !== undefined)
      ways[way] = (labels, value) => {
        tell(bind(labels), value);
      };
  }
  return metric;
}
