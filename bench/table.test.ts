import assert from 'node:assert/strict';
import { it } from 'node:test';
import { table } from './table.ts';

it('a table is aligned, and its lines have no blanks at their end', () => {
  assert.equal(
    table(
      ['what', 'floor', 'aim'],
      [
        ['start', '120 ms', '≤ 1.15'],
        ['rss', '', ''],
      ],
    ),
    ['what    floor     aim', '─────  ──────  ──────', 'start  120 ms  ≤ 1.15', 'rss'].join('\n'),
  );
});
