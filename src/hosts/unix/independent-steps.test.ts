import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { independentSteps } from './independent-steps.ts';
import type { FileOp } from '../link/link.ts';

const write = (path: string): FileOp => ({ op: 'write', path, data: Buffer.from('x'), mode: 0o644 });
const link = (path: string): FileOp => ({ op: 'symlink', path, target: 'there' });
const folder: FileOp = { op: 'mkdir', path: '/v', mode: 0o755 };
const rename: FileOp = { op: 'rename', from: '/v/a', to: '/v/b' };

const cases: { name: string; ops: FileOp[]; groups: number[] }[] = [
  { name: 'nothing', ops: [], groups: [] },
  {
    name: 'files of one folder',
    ops: [folder, write('/v/a'), write('/v/b'), write('/v/c')],
    groups: [1, 3],
  },
  {
    name: 'no more than the thread pool takes',
    ops: [1, 2, 3, 4, 5].map((n) => write(`/v/${n}`)),
    groups: [4, 1],
  },
  { name: 'the same file twice', ops: [write('/v/a'), write('/v/a')], groups: [1, 1] },
  {
    name: 'a link after files',
    ops: [write('/v/a'), link('/v/b'), rename, link('/v/c')],
    groups: [1, 1, 1, 1],
  },
  { name: 'links', ops: [link('/v/a'), link('/v/b')], groups: [2] },
  { name: 'folders, whose order counts', ops: [folder, { ...folder, path: '/v/w' }], groups: [1, 1] },
];

suite('independent steps', () => {
  for (const { name, ops, groups } of cases)
    test(name, () => {
      const found = independentSteps(ops);
      assert.deepEqual(
        found.map((group) => group.length),
        groups,
      );
      assert.deepEqual(found.flat(), ops);
    });
});
