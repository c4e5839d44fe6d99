/**
 * The metrics under a kubelet's names are of its kind: e2e/golden/api/metrics.yaml is what a real one
 * exposed.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { processTable, table as nodeTable, type Row } from './metric-table.ts';

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
