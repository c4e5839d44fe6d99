import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { matchesTerms, type NodeSelectorTerm } from './node-selector.ts';

const node = {
  name: 'edge-1',
  labels: {
    zone: 'a',
    cores: '8',
    big: '9007199254740993',
    most: '9223372036854775807',
    over: '9223372036854775808',
  },
};
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
    ['Gt beyond 2^53', [label('big', 'Gt', '9007199254740992')], true],
    ['Lt beyond 2^53', [label('big', 'Lt', '9007199254740994')], true],
    ['Gt at the end of int64', [label('most', 'Gt', '9223372036854775806')], true],
    ['Gt of what is no int64', [label('over', 'Gt', '1')], false],
    ['Lt than what is no int64', [label('cores', 'Lt', '9223372036854775808')], false],
    ['Gt with a sign and zeros', [label('cores', 'Gt', '+007')], true],
    ['Gt of what is no number', [label('zone', 'Gt', '1')], false],
    ['Gt with two values', [label('cores', 'Gt', '1', '2')], false],
    ['Exists, as every object has it', [label('constructor', 'Exists')], false],
    ['In, as no object has it', [label('__proto__', 'DoesNotExist')], true],
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
