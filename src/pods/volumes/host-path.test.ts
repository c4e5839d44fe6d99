import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { FileInfo, FileType } from '../../hosts/link/link.ts';
import { planHostPath } from './host-path.ts';

const found = (type: FileType): FileInfo => ({
  type,
  size: 0,
  mode: 0,
  uid: 0,
  gid: 0,
  mtime: 0,
  inode: 1,
  device: 1,
});

describe('hostPath', () => {
  const rows: [type: string, there: FileType | undefined, expected: object[] | string][] = [
    ['', undefined, []],
    ['Directory', 'directory', []],
    ['Directory', undefined, 'hostPath type check failed: /x is not a directory'],
    ['Directory', 'file', 'hostPath type check failed: /x is not a directory'],
    ['DirectoryOrCreate', 'directory', []],
    ['DirectoryOrCreate', undefined, [{ op: 'mkdir', path: '/x', mode: 0o755, keep: true }]],
    ['DirectoryOrCreate', 'file', 'hostPath type check failed: /x is not a directory'],
    ['File', 'file', []],
    ['File', 'fifo', 'hostPath type check failed: /x is not a file'],
    ['FileOrCreate', 'file', []],
    ['FileOrCreate', undefined, [{ op: 'touch', path: '/x', mode: 0o644, follow: true }]],
    ['FileOrCreate', 'directory', 'hostPath type check failed: /x is not a file'],
    ['Socket', 'socket', []],
    ['Socket', 'file', 'hostPath type check failed: /x is not a socket file'],
    ['CharDevice', 'char-device', []],
    ['CharDevice', 'block-device', 'hostPath type check failed: /x is not a character device'],
    ['BlockDevice', 'block-device', []],
    ['BlockDevice', undefined, 'hostPath type check failed: /x is not a block device'],
    ['Other', 'file', 'Other is an invalid volume type'],
    ['constructor', 'file', 'constructor is an invalid volume type'],
  ];
  for (const [type, there, expected] of rows)
    it(`of type "${type}" where ${there ?? 'nothing'} is`, () => {
      const plan = (): object[] => planHostPath('/x', type, there === undefined ? undefined : found(there));
      if (typeof expected === 'string') assert.throws(plan, { message: expected });
      else assert.deepEqual(plan(), expected);
    });

  it('has no way up', () => {
    assert.throws(() => planHostPath('/a/../b', '', undefined), {
      message: "invalid HostPath `/a/../b`: must not contain '..'",
    });
  });
});
