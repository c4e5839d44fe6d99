/**
 * What the chart has for Prometheus and Grafana asks for nothing that farlet does not tell, and every alert
 * has an entry in docs/operations.md.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { processTable, table as nodeTable, type Row } from '../../src/telemetry/metric-table.ts';
import { alertRules, panelsOf } from '../monitoring/chart-files.ts';
import { selectorsOf } from '../monitoring/promql-names.ts';

const table: Readonly<Record<string, Row>> = { ...nodeTable, ...processTable };
/** Who scrapes them adds these. */
const targetLabels = ['instance', 'node', 'job', 'namespace', 'pod'];
/** Of /metrics/cadvisor, by a real kubelet's. */
const cadvisor = new Map(
  (
    (parse(readFileSync('e2e/golden/api/metrics.yaml', 'utf8')) as Record<string, unknown>)[
      '/metrics/cadvisor'
    ] as readonly { readonly name: string; readonly labels?: readonly string[] }[]
  ).map(({ name, labels = [] }) => [name, labels] as const),
);

/** The labels of a metric by its name in a query; undefined: farlet has none of that name. */
function labelsOf(metric: string): readonly string[] | undefined {
  const own = (name: string): Row | undefined => (Object.hasOwn(table, name) ? table[name] : undefined);
  const [, family = ''] = /^(.*)_(?:bucket|sum|count)$/.exec(metric) ?? [];
  const histogram = own(family);
  if (histogram?.kind === 'histogram') return [...(histogram.labels ?? []), 'le'];
  const row = own(metric);
  return row === undefined || row.kind === 'histogram' ? cadvisor.get(metric) : (row.labels ?? []);
}

function faultsOf(expression: string): string[] {
  const selectors = selectorsOf(expression);
  if (selectors.length === 0) return [`asks for nothing: ${expression}`];
  return selectors.flatMap(({ metric, labels }) => {
    const known = labelsOf(metric);
    if (known === undefined) return [`${metric}: there is none`];
    return labels
      .filter((label) => ![...known, ...targetLabels].includes(label))
      .map((label) => `${metric}: it has no label ${label}`);
  });
}

describe('names in a query', () => {
  const rows: readonly (readonly [string, readonly (readonly [string, readonly string[]])[]])[] = [
    ['a == 0', [['a', []]]],
    ['max by (x) (a{b="c d", e=~"f{2}"}) > 1', [['a', ['b', 'e']]]],
    [
      'histogram_quantile(0.9, sum by (le) (rate(a_bucket{n=~"$n"}[$__rate_interval]))) and on (i) b',
      [
        ['a_bucket', ['n']],
        ['b', []],
      ],
    ],
    [
      'a unless a offset 15m or vector(0)',
      [
        ['a', []],
        ['a', []],
      ],
    ],
    ['time() - a{b!="c"} > 1e3', [['a', ['b']]]],
  ];
  for (const [query, names] of rows)
    it(query, () => {
      assert.deepEqual(
        selectorsOf(query).map(({ metric, labels }) => [metric, labels]),
        names,
      );
    });

  it('that do not exist are found', () => {
    assert.deepEqual(faultsOf('farlet_host_up{hosts="a"} or farlet_host_down'), [
      'farlet_host_up: it has no label hosts',
      'farlet_host_down: there is none',
    ]);
    assert.deepEqual(faultsOf('kubelet_pleg_relist_duration_seconds > 1'), [
      'kubelet_pleg_relist_duration_seconds: there is none',
    ]);
  });
});

describe('charts/farlet/files', () => {
  it('alerts are about what farlet tells', () => {
    assert.deepEqual(
      alertRules().flatMap(({ alert, expr }) => faultsOf(expr).map((fault) => `${alert}: ${fault}`)),
      [],
    );
  });

  it('the panels of the dashboard show what farlet tells', () => {
    const panels = panelsOf();
    assert.ok(panels.length > 40);
    assert.deepEqual(
      panels.flatMap(({ title, queries }) =>
        queries.flatMap((query) => faultsOf(query).map((fault) => `${title}: ${fault}`)),
      ),
      [],
    );
  });

  it('each alert says what it is and has its entry in docs/operations.md', () => {
    const entries = [...readFileSync('docs/operations.md', 'utf8').matchAll(/^### (Farlet\w+)$/gm)].map(
      ([, name = '']) => name,
    );
    const rules = alertRules();
    assert.deepEqual(
      entries,
      rules.map(({ alert }) => alert),
    );
    for (const { alert, annotations, labels } of rules) {
      assert.equal(annotations.runbook_url, `docs/operations.md#${alert.toLowerCase()}`);
      assert.ok(annotations.summary !== '' && annotations.description.length > 40, alert);
      assert.ok(['critical', 'warning', 'info'].includes(labels.severity), alert);
    }
  });
});
