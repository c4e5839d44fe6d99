import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { planAtomicWrite, type AtomicInput } from './atomic-writer.ts';
import type { PayloadFile } from './payload.ts';

const file = (text: string, mode = 0o644) => ({ data: Buffer.from(text), mode });
const base: AtomicInput = {
  path: '/v',
  payload: new Map<string, PayloadFile>([
    ['a/b', file('1')],
    ['c', { ...file('2', 0o600), uid: 9 }],
  ]),
  before: undefined,
  folder: '..2026_01_02_03_04_05.u',
  fsGroup: undefined,
  nested: [],
};
const plan = (change: Partial<AtomicInput> = {}): string[] =>
  planAtomicWrite({ ...base, ...change }).ops.map((op) => {
    const { path, mode, uid, gid, target, isFree } = op as {
      path?: string;
      mode?: number;
      uid?: number;
      gid?: number;
      target?: string;
      isFree?: boolean;
    };
    const owner = uid === undefined ? undefined : `${String(uid)}:${String(gid)}`;
    const free = isFree === true ? 'free' : undefined;
    return [op.op, path, mode?.toString(8), owner, target, free]
      .filter((part) => part !== undefined)
      .join(' ');
  });
const root = '/v/..2026_01_02_03_04_05.u';

describe('the atomic writer', () => {
  it('writes beside and turns one link', () => {
    assert.deepEqual(plan(), [
      `mkdir ${root} 755`,
      `mkdir ${root}/a 755`,
      `write ${root}/a/b 644`,
      `write ${root}/c 600 9:0`,
      'symlink /v/..data_tmp ..2026_01_02_03_04_05.u',
      'rename',
      'symlink /v/a ..data/a',
      'symlink /v/c ..data/c',
    ]);
  });

  it('takes away what is shown no more, and the version before', () => {
    const before = { folder: '..old', names: ['c', 'gone'] };
    assert.deepEqual(plan({ before }).slice(-3), [
      'symlink /v/a ..data/a',
      'remove /v/gone',
      'remove-tree /v/..old free',
    ]);
  });

  it('gives all to the group of the pod', () => {
    assert.deepEqual(plan({ fsGroup: 7 }).slice(0, 4), [
      `mkdir ${root} 2755 0:7`,
      `mkdir ${root}/a 2755 0:7`,
      `write ${root}/a/b 644 0:7`,
      `write ${root}/c 640 9:7`,
    ]);
  });

  it('leaves folders alone that other volumes are mounted on', () => {
    assert.ok(!plan({ nested: ['a'] }).some((op) => op.startsWith('symlink /v/a ')));
  });
});
