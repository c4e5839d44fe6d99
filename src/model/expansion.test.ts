import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { expand, expandStatic } from './expansion.ts';

describe('expansion', () => {
  const values = new Map([
    ['A', 'a'],
    ['E', ''],
    ['R', '$(A)'],
    ['(A', 'odd'],
    ['two\nlines', 'newline'],
    ['B', '\udcff'],
  ]);
  const rows: [text: string, expanded: string][] = [
    ['$(A)', 'a'],
    ['x-$(A)-$(A)', 'x-a-a'],
    ['$(E)', ''],
    ['$(R)', '$(A)'],
    ['$(NO)', '$(NO)'],
    ['$$(A)', '$(A)'],
    ['$$$(A)', '$a'],
    ['$$$$', '$$'],
    ['$$$', '$$'],
    ['$', '$'],
    ['$A ${A}', '$A ${A}'],
    ['$(A', '$(A'],
    ['$(A $$ $(', '$(A $ $('],
    ['$()', '$()'],
    ['$((A)', 'odd'],
    ['$($(A))', '$($(A))'],
    ['$(A$(A)', '$(A$(A)'],
    ['$(two\nlines)', 'newline'],
    ['$£$(A) $€ $😀$(A)', '$£a $€ $😀a'],
    ['£$(A)', '£a'],
    ['$(toString)$(__proto__)', '$(toString)$(__proto__)'],
    ['<$(B)>', '<\udcff>'],
    ['cost: 5$', 'cost: 5$'],
  ];
  for (const [text, expanded] of rows)
    it(JSON.stringify(text), () => {
      assert.equal(
        expand(text, (name) => values.get(name)),
        expanded,
      );
    });

  it('knows only what the spec itself says where nothing else is at hand', () => {
    const env = [
      { name: 'A', value: 'first' },
      { name: 'A', value: '$(B)' },
      { name: 'F', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
      { name: '(A', value: 'odd' },
    ];
    assert.deepEqual(expandStatic(['$(A)', '$$(A)', '[$(F)]', '$(NO)', 'x$', '$((A)'], env), [
      '$(B)',
      '$(A)',
      '[]',
      '$(NO)',
      'x$',
      'odd',
    ]);
  });
});
