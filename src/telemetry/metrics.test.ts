/**
 * The metrics under a kubelet's names are of its kind: e2e/golden/api/metrics.yaml is what a real one
 * exposed.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { processTable, table as nodeTable, type Row } from './metric-table.ts';
import { createMetrics } from './metrics.ts';

const table = { ...nodeTable, ...processTable };

interface Family {
  readonly kind: string;
  readonly labels: readonly string[];
  readonly buckets: readonly number[];
}

/** The families of /metrics; the file is a list of flat records. */
function golden(): Map<string, Family> {
  const file = readFileSync(new URL('../../e2e/golden/api/metrics.yaml', import.meta.url), 'utf8');
  const [metrics = ''] = file.split(/\n(?=\/metrics\/)/);
  return new Map(
    metrics.split(/^- name: /m).map((record) => {
      const [name = ''] = record.split('\n');
      const labels = /^ {2}labels:\n((?: {2}- .*\n)*)/m.exec(record)?.[1] ?? '';
      return [
        name,
        {
          kind: /^ {2}type: (.*)$/m.exec(record)?.[1] ?? '',
          labels: [...labels.matchAll(/- (.*)/g)].map(([, label = '']) => label),
          buckets: (/^ {2}buckets: (.*) \+Inf$/m.exec(record)?.[1] ?? '').split(' ').map(Number),
        },
      ] as const;
    }),
  );
}

describe("a metric under a kubelet's name is as the kubelet's", () => {
  const families = golden();
  const known = Object.entries<Row>(table).flatMap(([name, row]) => {
    const family = families.get(name);
    return family === undefined ? [] : [{ name, row, family }];
  });
  it('for most that are served', () => {
    assert.ok(known.length > 20, `${known.length} are in the golden file`);
  });
  for (const { name, row, family } of known)
    it(name, () => {
      assert.equal(row.kind, family.kind);
      assert.deepEqual([...(row.labels ?? [])].sort(), family.labels);
      if (row.kind === 'histogram') assert.deepEqual(row.buckets, family.buckets);
    });
});

/** Why the values of a label are few that is not bounded by telemetry/bounded-labels.ts. */
const fewValues: Readonly<Record<string, readonly string[]>> = {
  'farlet and the kubelet name them': [
    ...['config', 'container_state', 'container_type', 'detail', 'direction', 'eviction_signal', 'kind'],
    ...[
      'lifecycle',
      'limit',
      'long_running',
      'migrated',
      'operation_name',
      'operation_type',
      'outcome',
      'pace',
    ],
    ...['part', 'probe_type', 'queue', 'reason', 'result', 'server_type', 'state', 'static', 'status', 'use'],
    'image_size_in_bytes',
  ],
  'names of health checks, which are as many as nodes': ['name'],
  'of health checks and of Node itself': ['type'],
  'codes and methods of HTTP and gRPC, and the calls of CRI': ['code', 'method', 'verb'],
  'roots of paths, others are `other`': ['path'],
  'the configuration has them': ['node', 'host', 'file'],
  'one build has one of each': [
    ...['build_date', 'compiler', 'git_commit', 'git_tree_state', 'git_version', 'go_version'],
    ...['major', 'minor', 'platform'],
  ],
  "a probe's series go with its container": ['container', 'namespace', 'pod', 'pod_uid'],
};

describe('labels', () => {
  it('have few values, each for a reason', () => {
    const few = new Set(Object.values(fewValues).flat());
    const untold = Object.entries<Row>(table).flatMap(([name, { labels = [], open = [] }]) =>
      labels.filter((label) => !few.has(label) && !open.includes(label)).map((label) => `${name} ${label}`),
    );
    assert.deepEqual(untold, []);
  });

  it('of open values are told apart up to a bound', () => {
    const metrics = createMetrics({ node: 'a', kubeletVersion: 'v1.36.3' });
    for (let exit = 0; exit < 1_000; exit += 1)
      metrics.kubelet_terminated_containers_total.inc({
        container_type: 'container',
        exit_code: String(exit),
        reason: 'Error',
      });
    const lines = metrics.family('kubelet_terminated_containers_total')?.lines().trimEnd().split('\n');
    assert.equal(lines?.length, 65);
  });
});

describe('docs/metrics.md', () => {
  const text = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8');
  const rows = text.split('\n').filter((line) => line.startsWith('| `'));
  it('has a row for each metric, in their order', () => {
    assert.deepEqual(
      rows,
      Object.entries<Row>(table).map(([name, { kind, labels = [], help }]) => {
        const named = labels.map((label) => `\`${label}\``).join(' ');
        return `| \`${name}\` | ${kind} | ${named} | ${help} |`;
      }),
    );
  });
});
