import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { matchesTerms, type NodeSelectorTerm } from './node-selector.ts';

const node = { name: 'edge-1', labels: { zone: 'a', cores: '8' } };
const label = (key: string, operator: string, ...values: string[]): NodeSelectorTerm => ({
  matchExpressions: [{ key, operator, values }],
});

describe('node selector terms', () => {
  const rows: [name: string, terms: NodeSelectorTerm[], expected: boolean][] = [
    ['none', [], false],
    ['an empty one', [{}], false],
    ['In', [label('zone', 'In', 'b', 'a')], true],
    ['NotIn', [label('zone', 'NotIn', 'a')], false],
    ['NotIn of a label that is missing', [label('x', 'NotIn', 'a')], true],
    ['Exists', [label('zone', 'Exists')], true],
    ['DoesNotExist', [label('zone', 'DoesNotExist')], false],
    ['Gt', [label('cores', 'Gt', '4')], true],
    ['Lt', [label('cores', 'Lt', '8')], false],
    ['an unknown operator', [label('zone', 'Like', 'a')], false],
    ['one of two', [label('zone', 'In', 'b'), label('zone', 'In', 'a')], true],
    ['a field', [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['edge-1'] }] }], true],
    [
      'labels and fields',
      [
        {
          ...label('zone', 'In', 'a'),
          matchFields: [{ key: 'metadata.name', operator: 'In', values: ['x'] }],
        },
      ],
      false,
    ],
  ];
  for (const [name, terms, expected] of rows)
    it(`${name}: ${String(expected)}`, () => {
      assert.equal(matchesTerms(terms, node), expected);
    });
});
