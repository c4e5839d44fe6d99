import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { after } from './log-chain.ts';

describe('the file after the one that is read', () => {
  const held = { inode: 1, device: 9 };
  const rows: {
    name: string;
    /** rotated files with their inodes; none for compressed ones */
    files: [string, number?][];
    older?: string[];
    expect: { next: string | undefined; lost: number };
  }[] = [
    {
      name: 'is the log itself after one rotation',
      files: [['0.log.1', 1]],
      expect: { next: undefined, lost: 0 },
    },
    {
      name: 'is the log itself, older ones apart',
      files: [['0.log.1.gz'], ['0.log.2', 7], ['0.log.3', 1]],
      older: ['0.log.1', '0.log.2'],
      expect: { next: undefined, lost: 0 },
    },
    {
      name: 'is a rotated one after two rotations',
      files: [
        ['0.log.1', 1],
        ['0.log.2', 2],
      ],
      expect: { next: '0.log.2', lost: 0 },
    },
    {
      name: 'is a rotated one, where the held one was compressed',
      files: [['0.log.1.gz'], ['0.log.2', 2]],
      expect: { next: '0.log.2', lost: 0 },
    },
    {
      name: 'is a rotated one, where the held one was removed',
      files: [['0.log.2', 2]],
      expect: { next: '0.log.2', lost: 0 },
    },
    {
      name: 'comes after those that were compressed',
      files: [['0.log.1.gz'], ['0.log.2.gz'], ['0.log.3.gz'], ['0.log.4', 4]],
      expect: { next: '0.log.4', lost: 2 },
    },
    {
      name: 'is the log itself, where all were compressed',
      files: [['0.log.0.gz'], ['0.log.1.gz'], ['0.log.2.gz']],
      older: ['0.log.0'],
      expect: { next: undefined, lost: 1 },
    },
    {
      name: 'is not an older one, compressed or not',
      files: [['0.log.0.gz'], ['0.log.1', 5]],
      older: ['0.log.0', '0.log.1'],
      expect: { next: undefined, lost: 0 },
    },
    {
      name: 'of a file that was rotated already when its elders were listed',
      files: [
        ['0.log.1', 1],
        ['0.log.2', 2],
      ],
      older: ['0.log.1'],
      expect: { next: '0.log.2', lost: 0 },
    },
    { name: 'is the log itself where nothing was rotated', files: [], expect: { next: undefined, lost: 0 } },
  ];
  for (const { name, files, older = [], expect } of rows)
    it(name, () => {
      const inodes = new Map(
        files.flatMap(([file, inode]) => (inode === undefined ? [] : [[file, { inode, device: 9 }]])),
      );
      const names = files.map(([file]) => file);
      assert.deepEqual(after({ names, inodes, held, older: new Set(older) }), expect);
    });
});
